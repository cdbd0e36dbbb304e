//! Every module that is emitted, Verilated and compared in lock step.
//!
//! Each folder lists its own modules with [`catalogue!`](crate::catalogue); [`entries`] joins the lists.

use crate::emit::{EmitError, Emitted};

/// A module that can be emitted by name.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Name of the Verilog top module and of the Verilated library's part.
    pub name: &'static str,
    /// One line on what it is.
    pub about: &'static str,
    /// Builds and emits it.
    pub emit: fn() -> Result<Emitted, EmitError>,
}

/// All entries, in a fixed order.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let mut all = Vec::new();
    all.extend(crate::bits::CATALOG);
    all.extend(crate::cdc::CATALOG);
    all.extend(crate::checksum::CATALOG);
    all.extend(crate::dma::CATALOG);
    all.extend(crate::host::tlp64::CATALOG);
    all.extend(crate::memory::CATALOG);
    all.extend(crate::nic::CATALOG);
    all.extend(crate::queue::CATALOG);
    all.extend(crate::rx::CATALOG);
    all.extend(crate::stream::CATALOG);
    all.extend(crate::tx::CATALOG);
    all.extend(crate::wire::CATALOG);
    all
}

/// The entry of that name.
#[must_use]
pub fn find(name: &str) -> Option<Entry> {
    entries().into_iter().find(|e| e.name == name)
}

/// Lists the modules of a folder for the [catalogue](self):
///
/// ```text
/// crate::catalogue! {
///     /// A register slice of the 64-bit stream.
///     axis_skid: skid::AxisSkid = skid::AxisSkid::default();
/// }
/// ```
///
/// makes `pub fn axis_skid() -> skid::AxisSkid`, which tests use to build the module, and `pub const CATALOG: &[Entry]`,
/// which [`entries`] must name. Once per module path.
#[macro_export]
macro_rules! catalogue {
    ($(#[doc = $about:literal] $(#[doc = $more:literal])* $name:ident : $kind:ty = $build:expr;)*) => {
        $(
            #[doc = $about]
            $(#[doc = $more])*
            #[must_use]
            pub fn $name() -> $kind {
                $build
            }
        )*
        /// The modules of this folder.
        pub const CATALOG: &[$crate::catalog::Entry] = &[$(
            $crate::catalog::Entry {
                name: stringify!($name),
                about: $about,
                emit: || $crate::emit::emit(stringify!($name), &mut $name()),
            },
        )*];
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique() {
        let mut seen = HashSet::new();
        for entry in entries() {
            assert!(seen.insert(entry.name), "{} is listed twice", entry.name);
        }
    }

    #[test]
    fn every_module_is_emitted() {
        for entry in entries() {
            let emitted = (entry.emit)().unwrap_or_else(|e| panic!("{e}"));
            assert!(emitted.verilog.contains(&format!("module {}(", entry.name)));
        }
    }
}
