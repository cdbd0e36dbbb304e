//! Counted, named references; slab; lock order; the sync module.
