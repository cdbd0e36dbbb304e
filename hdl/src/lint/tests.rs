//! Per rule: what must be found, and how it looks when it is right.

use super::{Rule, lint_source};
use std::path::Path;

/// Rules broken by a module with these fields and this kernel.
fn kernel(fields: &str, body: &str) -> Vec<Rule> {
    let text = format!(
        "#[derive(LogicBlock)]\nstruct G<const N: usize> {{ {fields} }}\n\
         impl<const N: usize> Logic for G<N> {{ #[hdl_gen] fn update(&mut self) {{ {body} }} }}"
    );
    rules(&text)
}

fn rules(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = lint_source(Path::new("g.rs"), text)
        .unwrap()
        .into_iter()
        .map(|f| f.rule)
        .collect();
    rules.dedup();
    rules
}

/// Asserts that each of `bad` as right-hand side of `self.y.next` breaks exactly `rule`, and that none of `good` breaks any.
#[track_caller]
fn expressions(rule: Rule, bad: &[&str], good: &[&str]) {
    for expression in bad {
        assert_eq!(
            kernel("", &format!("self.y.next = {expression};")),
            [rule],
            "{expression}"
        );
    }
    for expression in good {
        assert_eq!(
            kernel("", &format!("self.y.next = {expression};")),
            [],
            "{expression}"
        );
    }
}

/// The same with whole kernels.
#[track_caller]
fn kernels(rule: Rule, fields: &str, bad: &[&str], good: &[&str]) {
    for body in bad {
        assert_eq!(kernel(fields, body), [rule], "{body}");
    }
    for body in good {
        assert_eq!(kernel(fields, body), [], "{body}");
    }
}

#[test]
fn rule_1_mixed_operators() {
    expressions(
        Rule::MixedOperators,
        &[
            "self.a.val() & self.b.val() == 0",
            "self.a.val() | self.b.val() & self.c.val()",
            "self.a.val() & self.b.val() ^ self.c.val()",
        ],
        &[
            "(self.a.val() & self.b.val()) == 0",
            "self.a.val() & self.b.val() & self.c.val()",
            "self.a.val() + self.b.val() - 1",
        ],
    );
}

#[test]
fn rule_2_widening() {
    expressions(
        Rule::Widening,
        &[
            "(self.a.val() + 1) == 0",
            "self.b.val() > (self.a.val() - self.c.val())",
            "(self.a.val() + self.b.val()) >> 1",
            "(self.a.val() << 4) >> 4",
            "bit_cast::<16, 8>(self.a.val() + self.b.val())",
            "(!self.a.val()) == 5",
            "(self.a.val() + 1).any()",
            "self.a.val().get_bit(self.b.val().index() + self.c.val().index())",
        ],
        &[
            "self.a.val() + 1",
            "self.sum.val() == 0",
            "bit_cast::<16, 8>(self.a.val()) + bit_cast::<16, 8>(self.b.val())",
            "self.a.val() >> 3",
            "!(self.a.val() == 5)",
            "(self.a.val() & self.b.val()).any()",
        ],
    );
    kernels(
        Rule::Widening,
        "",
        &[
            "match (self.a.val() + 1).index() { 0 => { self.y.next = self.a.val(); } _ => { self.y.next = self.b.val(); } }",
        ],
        &[],
    );
}

#[test]
fn rule_3_slice_of_expression() {
    expressions(
        Rule::SliceOfExpression,
        &[
            "(self.a.val() ^ self.b.val()).get_bits::<4>(0)",
            "self.r.q.val().at.get_bits::<4>(0)",
            "(self.a.val() & self.b.val()).get_bit(3)",
        ],
        &[
            "self.a.val().get_bits::<4>(0)",
            "self.r.q.val().get_bit(3)",
            "self.v[1].val().get_bits::<N>(0)",
        ],
    );
}

#[test]
fn rule_4_array_index() {
    expressions(
        Rule::ArrayIndex,
        &["self.v[self.a.val().index()].val()", "self.v[LAST].val()"],
        &["self.v[3].val()"],
    );
    kernels(
        Rule::ArrayIndex,
        "",
        &["for i in 0..4 { self.w[i].next = self.v[N - i].val(); }"],
        &[
            "for i in 1..4 { self.w[i].next = self.v[i * 2 - 1].val(); }",
            "for i in 0..(self.v.len()) { self.w[i].next = self.v[i].val(); }",
        ],
    );
}

#[test]
fn rule_5_unknown_name() {
    expressions(
        Rule::UnknownName,
        &[
            "self.a.val() + N",
            "self.a.val() & MASK",
            "self.a.val() == nic_abi::tx::TYPE",
            "self.a.val() + Self::STEP",
            "self.a.val() | Other::MASK",
        ],
        &[
            "self.a.val() & self.mask.val()",
            "self.a.val().get_bits::<N>(0)",
        ],
    );
    kernels(
        Rule::UnknownName,
        "",
        &[],
        &[
            "self.y.next = State::Idle; if self.a.val() { self.y.next = State::Run; }",
            "for i in 0..(N) { self.w[i].next = self.a.val().get_bit(i); }",
        ],
    );
}

#[test]
fn rule_6_pattern() {
    let with = |pattern: &str| {
        format!(
            "self.y.next = false; match self.a.val().index() {{ {pattern} => {{ self.y.next = true; }} _ => {{}} }}"
        )
    };
    for bad in [
        "0x10",
        "0b1",
        "1 | 2",
        "1..=3",
        "LIMIT",
        "1_u64",
        "x if x > 3",
        "true",
    ] {
        assert_eq!(kernel("", &with(bad)), [Rule::Pattern], "{bad}");
    }
    for good in ["16", "State::Idle"] {
        assert_eq!(kernel("", &with(good)), [], "{good}");
    }
}

#[test]
fn rule_7_not_in_kernel() {
    kernels(
        Rule::NotInKernel,
        "",
        &[
            "let x = self.a.val(); self.y.next = self.b.val();",
            "while self.a.val() { self.y.next = self.b.val(); } self.y.next = self.a.val();",
            "self.y.next = self.a.val(); return;",
            "self.y.next = if self.a.val() { self.b.val() } else { self.c.val() };",
            "self.y.next = self.a.val() / 3;",
            "self.y.next = self.a.val() as u8;",
            "self.y.next = helper(self.a.val());",
            "self.y.next = self.a.val(); self.helper();",
            "self.y.next = self.a.val(); self.y.next += 1;",
        ],
        &["if self.a.val() { self.y.next = self.b.val(); } else { self.y.next = self.c.val(); }"],
    );
}

#[test]
fn rule_8_slice_write() {
    kernels(
        Rule::SliceWrite,
        "",
        &["self.y.next = self.a.val(); self.y.next.set_bits::<4>(0, self.b.val());"],
        &["self.y.next = self.a.val().replace_bit(3, self.b.val());"],
    );
}

#[test]
fn rule_9_nested_cast() {
    expressions(
        Rule::NestedCast,
        &[
            "self.a.val().replace_bit(2, !self.b.val())",
            "bit_cast::<4, 8>(bit_cast::<8, 16>(self.a.val()) >> 4)",
        ],
        &[
            "self.a.val().replace_bit(2, self.b.val())",
            "bit_cast::<4, 8>(self.part.val()) >> 4",
        ],
    );
}

#[test]
fn rule_10_keyword() {
    for bad in ["table", "buf", "output", "before", "abort", "signed"] {
        assert_eq!(
            rules(&format!(
                "#[derive(LogicBlock)] struct G {{ {bad}: Signal<In, Bit> }}"
            )),
            [Rule::Keyword],
            "{bad}"
        );
    }
    assert_eq!(
        rules("#[derive(LogicBlock)] struct G { tables: Signal<In, Bit>, _time: u64 }"),
        []
    );
    assert_eq!(rules("struct NoHardware { table: u8 }"), []);
    assert_eq!(
        rules("#[derive(LogicStruct)] struct R { table: Bits<8> }"),
        []
    );
}

#[test]
fn rule_11_join_or_link() {
    kernels(
        Rule::JoinOrLink,
        "",
        &["self.y.next = self.a.val(); AxisSink::join(&mut self.s, &mut self.fifo.s);"],
        &["self.fifo.s.tdata.next = self.s.tdata.val();"],
    );
}

#[test]
fn rule_12_constant_kernel() {
    kernels(
        Rule::ConstantKernel,
        "",
        &["self.y.next = 3.into();"],
        &["self.y.next = self.three.val();", ""],
    );
}

#[test]
fn rule_13_latch() {
    kernels(
        Rule::Order,
        "",
        &[
            "if self.a.val() { self.y.next = self.b.val(); }",
            "match self.a.val().index() { 0 => { self.y.next = self.b.val(); } 1 => { self.y.next = self.c.val(); } }",
            "dff_setup!(self, clock, r); if self.a.val() { self.s.next = self.r.q.val(); }",
        ],
        &[
            "self.y.next = self.c.val(); if self.a.val() { self.y.next = self.b.val(); }",
            "if self.a.val() { self.y.next = self.b.val(); } else { self.y.next = self.c.val(); }",
            "match self.a.val().index() { 0 => { self.y.next = self.b.val(); } _ => { self.y.next = self.c.val(); } }",
            "dff_setup!(self, clock, r); if self.a.val() { self.r.d.next = self.b.val(); }",
            "dff_setup!(self, clock, r); if self.a.val() { self.r.d.next.part = self.b.val(); }",
            "for i in 0..4 { self.w[i].next = false; if self.a.val() { self.w[i].next = self.b.val(); } }",
        ],
    );
}

#[test]
fn rule_13_local_read_before_it_is_assigned() {
    kernels(
        Rule::Order,
        "sum: Signal<Local, Bits<8>>, chain: [Signal<Local, Bits<8>>; 4]",
        &[
            "self.y.next = self.sum.val(); self.sum.next = self.a.val();",
            "for i in 0..4 { self.y.next = self.chain[i].val(); self.chain[i].next = self.a.val(); }",
        ],
        &[
            "self.sum.next = self.a.val(); self.y.next = self.sum.val();",
            "self.chain[0].next = self.a.val(); for i in 1..4 { self.chain[i].next = self.chain[i - 1].val(); }",
        ],
    );
}

#[test]
fn rule_13_setup_first_and_reset_last() {
    kernels(
        Rule::Order,
        "",
        &[
            "self.r.d.next = self.a.val(); dff_setup!(self, clock, r);",
            "dff_setup!(self, clock, r); if self.reset.val() { self.r.d.next = 0.into(); } self.r.d.next = self.a.val();",
            "dff_setup!(self, clock, r); if self.reset.val() { self.r.d.next.x = 0.into(); } if self.a.val() { self.r.d.next = self.b.val(); }",
        ],
        &[
            "dff_setup!(self, clock, r); self.r.d.next = self.a.val(); if self.reset.val() { self.r.d.next = 0.into(); }",
        ],
    );
}

#[test]
fn rule_14_struct() {
    assert_eq!(
        rules("#[derive(LogicStruct)] struct R<const N: usize> { a: Bits<N> }"),
        [Rule::Struct]
    );
    assert_eq!(
        rules("#[derive(LogicStruct)] struct R { next: Bits<8> }"),
        [Rule::Struct]
    );
    assert_eq!(rules("#[derive(LogicStruct)] struct R { a: Bits<8> }"), []);
    expressions(
        Rule::Struct,
        &["self.r.q.val().inner.x"],
        &["self.r.q.val().x"],
    );
}

#[test]
fn rule_15_computed_width() {
    assert_eq!(
        rules("#[derive(LogicBlock)] struct G<const N: usize> { a: Signal<In, Bits<{ N * 8 }>> }"),
        [Rule::ComputedWidth]
    );
    assert_eq!(
        rules("#[derive(LogicBlock)] struct G<const N: usize> { a: Signal<In, Bits<N>> }"),
        []
    );
}

#[test]
fn code_outside_kernels_is_left_alone() {
    assert_eq!(
        rules("impl G { fn new() -> Self { let a = 1 + 2 == 3 & x; Self { v: a as u8 / N } } }"),
        []
    );
    assert_eq!(
        rules("impl Logic for G { fn update(&mut self) { let x = self.a.val() & 1 == 0; } }"),
        []
    );
}

#[test]
fn kernels_inside_macros_are_found() {
    let text = "macro_rules! unit { ($name:ident, $($field:ident),*) => {
        impl Logic for $name { #[hdl_gen] fn update(&mut self) { $(self.$field.next = self.a.val() & 1 == 0;)* } }
    } }";
    assert_eq!(rules(text), [Rule::MixedOperators]);
}

#[test]
fn a_finding_says_where_what_and_what_to_do() {
    let text = "impl Logic for G {\n    #[hdl_gen]\n    fn update(&mut self) {\n        self.y.next = self.a.val() + N;\n    }\n}";
    let findings = lint_source(Path::new("hdl/src/g.rs"), text).unwrap();
    assert_eq!(
        findings[0].to_string(),
        "hdl/src/g.rs:4:38: rule 5 (UnknownName): `N` is not a name in Verilog; use a literal, or a Constant field"
    );
}

#[test]
fn a_file_that_is_no_rust_is_an_error() {
    assert!(lint_source(Path::new("g.rs"), "fn {").is_err());
}
