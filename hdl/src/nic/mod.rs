//! The NIC's top: function-level reset.

pub mod function_reset;

crate::catalogue! {
    /// Function-level reset and epoch.
    nic_function_reset: function_reset::FunctionReset = function_reset::FunctionReset::default();
}
