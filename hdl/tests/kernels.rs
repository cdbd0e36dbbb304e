//! Every kernel of this crate obeys the kernel rules.

use longshore_hdl::lint::lint_tree;
use std::path::Path;

#[test]
fn no_kernel_breaks_a_rule() {
    let findings = lint_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        list.is_empty(),
        "{} findings:\n{}",
        list.len(),
        list.join("\n")
    );
}
