//! Rule 13: every signal assigned on every path, Locals before they are read, registers held first, reset last.

use super::{Rule, expressions::text};
use proc_macro2::Span;
use std::collections::{BTreeMap, HashSet};
use syn::{Block, Expr, Macro, Pat, Stmt, spanned::Spanned as _, visit::Visit};

/// Checks the order of a kernel's statements; `locals` are the fields that are `Signal<Local, _>`.
pub(super) fn check(
    block: &Block,
    locals: &HashSet<String>,
    report: &mut dyn FnMut(Rule, Span, String),
) {
    let mut order = Order {
        locals,
        report,
        assigned: HashSet::new(),
        first: BTreeMap::new(),
    };
    let defined = order.block(block, HashSet::new());
    for (target, span) in std::mem::take(&mut order.first) {
        if !is_defined(&defined, &target) {
            (order.report)(
                Rule::Order,
                span,
                format!("`{target}` is not assigned on every path: a latch"),
            );
        }
    }
    setup_first(block, report);
    reset_last(block, report);
}

/// What is assigned: `self.x[].next` or `self.x.next.field`, indices erased.
type Targets = HashSet<String>;

fn is_defined(defined: &Targets, target: &str) -> bool {
    let whole = target
        .split_once(".next")
        .map(|(signal, _)| format!("{signal}.next"));
    defined.contains(target) || whole.is_some_and(|w| defined.contains(&w))
}

/// A target or signal with every index replaced by `[]`.
fn erase_indices(text: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    for c in text.chars() {
        depth -= i32::from(c == ']');
        if depth == 0 {
            out.push(c);
        }
        depth += i32::from(c == '[');
    }
    out
}

struct Order<'r> {
    locals: &'r HashSet<String>,
    report: &'r mut dyn FnMut(Rule, Span, String),
    /// Fields assigned anywhere so far.
    assigned: HashSet<String>,
    /// Where each target is first assigned.
    first: BTreeMap<String, Span>,
}

impl Order<'_> {
    /// Walks a block; `defined` are the targets assigned for sure before, the answer those after.
    fn block(&mut self, block: &Block, mut defined: Targets) -> Targets {
        for statement in &block.stmts {
            match statement {
                Stmt::Expr(e, _) => defined = self.statement(e, defined),
                Stmt::Macro(m) => self.setup(&m.mac, &mut defined),
                _ => {}
            }
        }
        defined
    }

    fn statement(&mut self, expr: &Expr, mut defined: Targets) -> Targets {
        match expr {
            Expr::Assign(a) => {
                self.reads(&a.right);
                let target = erase_indices(&text(&a.left));
                if let Some(field) = target
                    .strip_prefix("self.")
                    .and_then(|t| t.split(['.', '[']).next())
                {
                    self.assigned.insert(field.to_owned());
                }
                self.first
                    .entry(target.clone())
                    .or_insert_with(|| a.left.span());
                defined.insert(target);
                defined
            }
            Expr::If(i) => {
                self.reads(&i.cond);
                let then = self.block(&i.then_branch, defined.clone());
                let otherwise = match &i.else_branch {
                    Some((_, e)) => self.statement(e, defined),
                    None => defined,
                };
                then.intersection(&otherwise).cloned().collect()
            }
            Expr::Match(m) => {
                self.reads(&m.expr);
                let mut after: Option<Targets> = None;
                for arm in &m.arms {
                    let one = self.statement(&arm.body, defined.clone());
                    after =
                        Some(after.map_or_else(
                            || one.clone(),
                            |a| a.intersection(&one).cloned().collect(),
                        ));
                }
                // Without `_` the values of no arm keep what was before: enums do not fill their bits.
                let total = m.arms.iter().any(|a| matches!(a.pat, Pat::Wild(_)));
                after.filter(|_| total).unwrap_or(defined)
            }
            Expr::ForLoop(f) => self.block(&f.body, defined),
            Expr::Block(b) => self.block(&b.block, defined),
            Expr::Macro(m) => {
                self.setup(&m.mac, &mut defined);
                defined
            }
            other => {
                self.reads(other);
                defined
            }
        }
    }

    /// `dff_setup!` and `clock!` assign what they name.
    fn setup(&mut self, mac: &Macro, defined: &mut Targets) {
        let is_dff = mac.path.is_ident("dff_setup");
        if !is_dff && !mac.path.is_ident("clock") {
            return;
        }
        for name in text(&mac.tokens).split(',').skip(2) {
            defined.insert(format!("self.{name}.clock.next"));
            if is_dff {
                defined.insert(format!("self.{name}.d.next"));
            }
        }
    }

    fn reads(&mut self, expr: &Expr) {
        struct Reads<'o, 'r>(&'o mut Order<'r>);
        impl<'a> Visit<'a> for Reads<'_, '_> {
            fn visit_expr_method_call(&mut self, m: &'a syn::ExprMethodCall) {
                if m.method == "val" {
                    let signal = erase_indices(&text(&m.receiver));
                    let name = signal
                        .strip_prefix("self.")
                        .unwrap_or_default()
                        .trim_end_matches("[]");
                    if self.0.locals.contains(name) && !self.0.assigned.contains(name) {
                        (self.0.report)(
                            Rule::Order,
                            m.span(),
                            format!("Local `{name}` is read before it is assigned"),
                        );
                    }
                }
                syn::visit::visit_expr_method_call(self, m);
            }
        }
        Reads(self).visit_expr(expr);
    }
}

fn macro_of(statement: &Stmt) -> Option<&Macro> {
    match statement {
        Stmt::Macro(m) => Some(&m.mac),
        Stmt::Expr(Expr::Macro(m), _) => Some(&m.mac),
        _ => None,
    }
}

/// `dff_setup!` behind an assignment would undo it.
fn setup_first(block: &Block, report: &mut dyn FnMut(Rule, Span, String)) {
    let mut logic = false;
    for statement in &block.stmts {
        match macro_of(statement) {
            Some(mac) if mac.path.is_ident("dff_setup") && logic => {
                report(
                    Rule::Order,
                    mac.span(),
                    "dff_setup! behind other statements undoes them".into(),
                );
            }
            Some(_) => {}
            None => logic = true,
        }
    }
}

/// What the reset assigns must not be assigned behind it.
fn reset_last(block: &Block, report: &mut dyn FnMut(Rule, Span, String)) {
    let mut reset: HashSet<String> = HashSet::new();
    for statement in &block.stmts {
        let targets = targets(statement);
        for (target, span) in &targets {
            if is_defined(&reset, target)
                || reset.iter().any(|r| r.starts_with(&format!("{target}.")))
            {
                report(
                    Rule::Order,
                    *span,
                    format!("`{target}` is assigned behind the reset, which so does not win"),
                );
            }
        }
        if let Stmt::Expr(Expr::If(i), _) = statement
            && text(&i.cond) == "self.reset.val()"
        {
            reset.extend(targets.into_iter().map(|t| t.0));
        }
    }
}

/// All targets assigned in a statement.
fn targets(statement: &Stmt) -> Vec<(String, Span)> {
    struct Assignments(Vec<(String, Span)>);
    impl<'a> Visit<'a> for Assignments {
        fn visit_expr_assign(&mut self, a: &'a syn::ExprAssign) {
            self.0.push((erase_indices(&text(&a.left)), a.left.span()));
        }
    }
    let mut assignments = Assignments(Vec::new());
    assignments.visit_stmt(statement);
    assignments.0
}
