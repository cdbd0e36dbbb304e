//! The vfio-user transport: opening, failing, and what a `Device` promises, over a served model.

mod opening;
mod promises;
mod support;
