//! Rules about structs and types (10, 14, 15), and what the kernels' rules need to know of them.

use super::{Rule, keywords};
use proc_macro2::Span;
use quote::ToTokens as _;
use std::collections::{HashMap, HashSet};
use syn::{Expr, Field, File, GenericArgument, ItemStruct, spanned::Spanned as _, visit::Visit};

/// Names of each struct's `Signal<Local, _>` fields, arrays of them included.
pub(super) type Locals = HashMap<String, HashSet<String>>;

/// Checks the declarations of `file`.
pub(super) fn check(file: &File, report: &mut dyn FnMut(Rule, Span, String)) -> Locals {
    let mut visitor = Declarations {
        report,
        locals: Locals::new(),
    };
    visitor.visit_file(file);
    visitor.locals
}

struct Declarations<'r> {
    report: &'r mut dyn FnMut(Rule, Span, String),
    locals: Locals,
}

/// The derive of rust-hdl that a struct has.
fn derive(item: &ItemStruct) -> Option<&'static str> {
    let text: String = item
        .attrs
        .iter()
        .filter(|a| a.path().is_ident("derive"))
        .map(|a| a.to_token_stream().to_string())
        .collect();
    ["LogicBlock", "LogicInterface", "LogicStruct"]
        .into_iter()
        .find(|d| text.contains(d))
}

fn name(field: &Field) -> String {
    field
        .ident
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

impl<'a> Visit<'a> for Declarations<'_> {
    fn visit_item_struct(&mut self, item: &'a ItemStruct) {
        let Some(derive) = derive(item) else { return };
        let is_struct = derive == "LogicStruct";
        if is_struct && !item.generics.params.is_empty() {
            (self.report)(
                Rule::Struct,
                item.generics.span(),
                format!("the generic LogicStruct {} does not compile", item.ident),
            );
        }
        for field in &item.fields {
            let name = name(field);
            // A register struct's fields become slices without names.
            if !is_struct
                && !name.starts_with('_')
                && let Some(reason) = keywords::reason(&name)
            {
                (self.report)(
                    Rule::Keyword,
                    field.span(),
                    format!("field {name} {reason}"),
                );
            }
            if is_struct && ["next", "val", "d", "q"].contains(&name.as_str()) {
                (self.report)(
                    Rule::Struct,
                    field.span(),
                    format!("field {name} is taken for the signal's own {name}"),
                );
            }
            let ty = field.ty.to_token_stream().to_string().replace(' ', "");
            if ty.contains("Signal<Local,") {
                self.locals
                    .entry(item.ident.to_string())
                    .or_default()
                    .insert(name);
            }
        }
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_generic_argument(&mut self, argument: &'a GenericArgument) {
        if let GenericArgument::Const(Expr::Block(block)) = argument {
            let computed = block.block.stmts.iter().any(|s| {
                matches!(s, syn::Stmt::Expr(Expr::Binary(b), None)
                    if b.to_token_stream().to_string().chars().any(char::is_alphabetic))
            });
            // Constants of the crate are known; the parameters of the item are not.
            if computed {
                (self.report)(
                    Rule::ComputedWidth,
                    block.span(),
                    "a width computed from a parameter".into(),
                );
            }
        }
        syn::visit::visit_generic_argument(self, argument);
    }
}
