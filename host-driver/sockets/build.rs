//! Declares the configuration under which the races are tested (see `longshore_refs::sync`).

fn main() {
    println!("cargo::rustc-check-cfg=cfg(loom)");
    println!("cargo::rustc-check-cfg=cfg(shuttle)");
    println!("cargo::rerun-if-changed=build.rs");
}
