//! What can be told of an expression without types.

use quote::ToTokens;
use syn::{BinOp, Expr, UnOp, visit::Visit};

/// The expression inside parentheses.
pub(super) fn strip(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(p) => strip(&p.expr),
        Expr::Group(g) => strip(&g.expr),
        other => other,
    }
}

/// Source text without blanks.
pub(super) fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

/// Whether the operator compares.
pub(super) fn compares(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_)
    )
}

/// Whether the expression is surely one bit wide in Verilog too.
fn boolean(expr: &Expr) -> bool {
    match strip(expr) {
        Expr::Binary(b) => compares(&b.op) || matches!(b.op, BinOp::And(_) | BinOp::Or(_)),
        Expr::MethodCall(m) => {
            ["any", "all", "xor", "get_bit"].contains(&m.method.to_string().as_str())
        }
        Expr::Unary(u) => boolean(&u.expr),
        _ => false,
    }
}

/// Whether the expression's value depends on the width at which Verilog computes it.
pub(super) fn grows(expr: &Expr) -> bool {
    match strip(expr) {
        Expr::Binary(b) => {
            matches!(
                b.op,
                BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Shl(_)
            ) || (!compares(&b.op) && (grows(&b.left) || grows(&b.right)))
        }
        Expr::Unary(u) => matches!(u.op, UnOp::Not(_) | UnOp::Neg(_)) && !boolean(&u.expr),
        Expr::MethodCall(m)
            if ["index", "into", "to_bits"].contains(&m.method.to_string().as_str()) =>
        {
            grows(&m.receiver)
        }
        _ => false,
    }
}

/// Whether the call casts: `bit_cast`, `bits`, `signed_cast` and their like.
pub(super) fn is_cast(expr: &Expr) -> bool {
    matches!(strip(expr), Expr::Call(c) if { let f = text(&c.func); f.contains("cast") || f.starts_with("bits") || f.starts_with("Bits") })
}

/// Whether a part of `expr` (itself included) satisfies the predicate.
pub(super) fn contains(expr: &Expr, predicate: impl Fn(&Expr) -> bool) -> bool {
    struct Search<P> {
        predicate: P,
        found: bool,
    }
    impl<'a, P: Fn(&Expr) -> bool> Visit<'a> for Search<P> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            self.found |= (self.predicate)(expr);
            syn::visit::visit_expr(self, expr);
        }
    }
    let mut search = Search {
        predicate,
        found: false,
    };
    search.visit_expr(expr);
    search.found
}

/// Whether a signal is read in `expr`.
pub(super) fn reads_signal(expr: &Expr) -> bool {
    contains(
        expr,
        |e| matches!(e, Expr::MethodCall(m) if m.method == "val"),
    )
}
