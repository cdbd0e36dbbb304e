//! The rules about expressions and statements of a kernel.

use super::{
    Rule, assigned,
    declarations::Locals,
    expressions::{compares, contains, grows, is_cast, reads_signal, strip, text},
};
use proc_macro2::Span;
use std::mem::discriminant;
use syn::{
    Arm, BinOp, Expr, ExprBinary, ExprCall, ExprField, ExprForLoop, ExprIndex, ExprMatch,
    ExprMethodCall, ExprPath, File, ImplItem, ItemImpl, Lit, Pat, UnOp, spanned::Spanned,
    visit::Visit,
};

/// Checks every kernel of `file`.
pub(super) fn check(file: &File, locals: &Locals, report: &mut dyn FnMut(Rule, Span, String)) {
    Impls { locals, report }.visit_file(file);
}

struct Impls<'r> {
    locals: &'r Locals,
    report: &'r mut dyn FnMut(Rule, Span, String),
}

impl<'a> Visit<'a> for Impls<'_> {
    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(p) => p
                .path
                .segments
                .last()
                .map(|s| s.ident.to_string())
                .unwrap_or_default(),
            _ => String::new(),
        };
        let none = Default::default();
        let locals = self.locals.get(&name).unwrap_or(&none);
        for function in &item.items {
            let ImplItem::Fn(function) = function else {
                continue;
            };
            if !function.attrs.iter().any(|a| a.path().is_ident("hdl_gen")) {
                continue;
            }
            let body = text(&function.block);
            if !body.contains(".val()")
                && !body.contains("dff_setup!")
                && !body.contains("clock!")
                && body.contains(".next")
            {
                (self.report)(
                    Rule::ConstantKernel,
                    function.sig.span(),
                    "no signal is read: the kernel never runs in an event simulator".into(),
                );
            }
            Kernel {
                report: self.report,
                loops: Vec::new(),
            }
            .visit_block(&function.block);
            assigned::check(&function.block, locals, self.report);
        }
        syn::visit::visit_item_impl(self, item);
    }
}

/// Both languages bind these alike.
fn arithmetic(op: &BinOp) -> bool {
    matches!(op, BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_))
}

struct Kernel<'r> {
    report: &'r mut dyn FnMut(Rule, Span, String),
    /// Loop variables in scope.
    loops: Vec<String>,
}

/// Methods that the translation knows.
const METHODS: &[&str] = &[
    "val",
    "into",
    "index",
    "to_bits",
    "to_signed_bits",
    "get_bits",
    "get_bit",
    "replace_bit",
    "any",
    "all",
    "xor",
];

impl Kernel<'_> {
    fn report(&mut self, rule: Rule, at: &impl Spanned, message: impl Into<String>) {
        (self.report)(rule, at.span(), message.into());
    }

    fn widening(&mut self, expr: &Expr, place: &str) {
        if grows(expr) {
            self.report(
                Rule::Widening,
                expr,
                format!(
                    "`{}` inside {place} is computed wider in Verilog",
                    text(expr)
                ),
            );
        }
    }
}

impl<'a> Visit<'a> for Kernel<'_> {
    fn visit_type(&mut self, _: &'a syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'a syn::GenericArgument) {}

    fn visit_local(&mut self, local: &'a syn::Local) {
        self.report(Rule::NotInKernel, local, "`let`");
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let what = match expr {
            Expr::While(_) => "`while`",
            Expr::Loop(_) => "`loop`",
            Expr::Return(_) => "`return`",
            Expr::Closure(_) => "a closure",
            Expr::Cast(_) => "`as`",
            Expr::Try(_) => "`?`",
            Expr::Unsafe(_) => "`unsafe`",
            Expr::Tuple(_) => "a tuple",
            Expr::Let(_) => "`if let`",
            _ => "",
        };
        if !what.is_empty() {
            self.report(Rule::NotInKernel, expr, what);
        }
        if let Expr::Assign(a) = expr
            && contains(&a.right, |e| matches!(e, Expr::If(_) | Expr::Match(_)))
        {
            self.report(Rule::NotInKernel, &a.right, "`if` or `match` as a value");
        }
        syn::visit::visit_expr(self, expr);
    }

    fn visit_expr_for_loop(&mut self, f: &'a ExprForLoop) {
        // Bounds are evaluated in Rust, so anything goes there.
        let name = if let Pat::Ident(i) = &*f.pat {
            i.ident.to_string()
        } else {
            String::new()
        };
        self.loops.push(name);
        self.visit_block(&f.body);
        self.loops.pop();
    }

    fn visit_expr_binary(&mut self, b: &'a ExprBinary) {
        for side in [&b.left, &b.right] {
            if let Expr::Binary(inner) = &**side
                && discriminant(&inner.op) != discriminant(&b.op)
                && !(arithmetic(&inner.op) && arithmetic(&b.op))
            {
                self.report(
                    Rule::MixedOperators,
                    side,
                    format!("`{}` is grouped otherwise in Verilog", text(b)),
                );
            }
            if let Expr::Binary(inner) = &**side
                && compares(&inner.op)
                && compares(&b.op)
            {
                self.report(Rule::MixedOperators, side, "a comparison of a comparison");
            }
        }
        if compares(&b.op) {
            self.widening(&b.left, "a comparison");
            self.widening(&b.right, "a comparison");
        }
        if matches!(b.op, BinOp::Shr(_)) {
            self.widening(&b.left, "a right shift");
        }
        if matches!(b.op, BinOp::Shl(_) | BinOp::Shr(_)) && reads_signal(&b.right) {
            self.widening(&b.right, "a shift distance");
        }
        let assigns = matches!(
            b.op,
            BinOp::AddAssign(_)
                | BinOp::SubAssign(_)
                | BinOp::MulAssign(_)
                | BinOp::BitAndAssign(_)
                | BinOp::BitOrAssign(_)
                | BinOp::BitXorAssign(_)
                | BinOp::ShlAssign(_)
                | BinOp::ShrAssign(_)
        );
        if assigns {
            self.report(Rule::NotInKernel, b, "an assigning operator");
        }
        if matches!(b.op, BinOp::Div(_) | BinOp::Rem(_)) && reads_signal(&Expr::Binary(b.clone())) {
            self.report(Rule::NotInKernel, b, "division");
        }
        syn::visit::visit_expr_binary(self, b);
    }

    fn visit_expr_call(&mut self, c: &'a ExprCall) {
        let name = text(&c.func);
        if name.ends_with("::join") || name.ends_with("::link") {
            self.report(
                Rule::JoinOrLink,
                c,
                format!("{name} drops the net's declaration if anything else reads it"),
            );
        } else if is_cast(&Expr::Call(c.clone())) {
            for argument in &c.args {
                self.widening(argument, "a cast");
                let shifts = |e: &Expr| matches!(e, Expr::Binary(b) if matches!(b.op, BinOp::Shl(_) | BinOp::Shr(_)) && contains(&b.left, is_cast));
                if contains(argument, shifts) {
                    self.report(Rule::NestedCast, argument, "a cast of a shifted cast");
                }
            }
        } else {
            self.report(Rule::NotInKernel, c, format!("a call of {name}"));
        }
        // The function's own path is no value.
        for argument in &c.args {
            self.visit_expr(argument);
        }
    }

    fn visit_expr_method_call(&mut self, m: &'a ExprMethodCall) {
        let name = m.method.to_string();
        match name.as_str() {
            "get_bits" | "get_bit" => {
                let plain = matches!(&*m.receiver, Expr::MethodCall(r) if r.method == "val");
                if !plain {
                    self.report(
                        Rule::SliceOfExpression,
                        m,
                        format!("`{}` is no slice of a plain signal", text(m)),
                    );
                }
                for offset in m.args.iter().filter(|a| reads_signal(a)) {
                    self.widening(offset, "a slice's offset");
                }
            }
            "replace_bit" => {
                if m.args.iter().any(|a| {
                    contains(
                        a,
                        |e| matches!(e, Expr::Unary(u) if matches!(u.op, UnOp::Not(_))),
                    )
                }) {
                    self.report(Rule::NestedCast, m, "a negation inside replace_bit");
                }
                if grows(&m.receiver) {
                    self.widening(&m.receiver, "replace_bit");
                }
            }
            "set_bits" | "set_bit" => {
                self.report(Rule::SliceWrite, m, format!("{name} does not translate"))
            }
            "any" | "all" | "xor" => self.widening(&m.receiver, "a reduction"),
            _ if METHODS.contains(&name.as_str())
                || name.starts_with("get_value_")
                || name.starts_with("set_value_") => {}
            _ => self.report(Rule::NotInKernel, m, format!("a call of {name}()")),
        }
        syn::visit::visit_expr_method_call(self, m);
    }

    fn visit_expr_field(&mut self, f: &'a ExprField) {
        let after_val = |e: &Expr| matches!(e, Expr::MethodCall(m) if m.method == "val");
        if let Expr::Field(inner) = &*f.base
            && after_val(&inner.base)
        {
            self.report(
                Rule::Struct,
                f,
                format!("`{}` reads a field of a field", text(f)),
            );
        }
        if let Expr::Field(inner) = &*f.base
            && matches!(&*inner.base, Expr::Field(n) if text(&n.member) == "next")
        {
            self.report(
                Rule::Struct,
                f,
                format!("`{}` writes a field of a field", text(f)),
            );
        }
        syn::visit::visit_expr_field(self, f);
    }

    fn visit_expr_index(&mut self, i: &'a ExprIndex) {
        let foreign = contains(&i.index, |e| match strip(e) {
            Expr::Path(p) => !p
                .path
                .get_ident()
                .is_some_and(|n| self.loops.contains(&n.to_string())),
            Expr::MethodCall(_) | Expr::Call(_) | Expr::Field(_) => true,
            _ => false,
        });
        if foreign {
            self.report(
                Rule::ArrayIndex,
                i,
                format!(
                    "index `{}` is neither an integer nor a loop variable",
                    text(&i.index)
                ),
            );
        } else {
            self.visit_expr(&i.index);
        }
        self.visit_expr(&i.expr);
    }

    fn visit_expr_path(&mut self, p: &'a ExprPath) {
        let Some(last) = p.path.segments.last().map(|s| s.ident.to_string()) else {
            return;
        };
        let first = p
            .path
            .segments
            .first()
            .map(|s| s.ident.to_string())
            .unwrap_or_default();
        if first == "self" || (p.path.segments.len() == 1 && self.loops.contains(&last)) {
            return;
        }
        let upper = last
            .chars()
            .all(|c| c.is_uppercase() || c == '_' || c.is_numeric());
        let variant = p.path.segments.len() == 2
            && first != "Self"
            && first.starts_with(char::is_uppercase)
            && !(upper && last.len() > 1);
        if !variant {
            self.report(
                Rule::UnknownName,
                p,
                format!("`{}` is not a name in Verilog", text(p)),
            );
        }
    }

    fn visit_expr_match(&mut self, m: &'a ExprMatch) {
        self.widening(&m.expr, "`match`");
        syn::visit::visit_expr_match(self, m);
    }

    fn visit_arm(&mut self, arm: &'a Arm) {
        let good = match &arm.pat {
            Pat::Wild(_) => true,
            Pat::Path(p) => p.path.segments.len() > 1,
            Pat::Lit(l) => matches!(&l.lit, Lit::Int(n)
                if n.suffix().is_empty() && n.to_string().chars().all(|c| c.is_ascii_digit())),
            _ => false,
        };
        if !good {
            self.report(
                Rule::Pattern,
                &arm.pat,
                format!("pattern `{}` is printed as it is", text(&arm.pat)),
            );
        }
        self.visit_expr(&arm.body);
    }
}
