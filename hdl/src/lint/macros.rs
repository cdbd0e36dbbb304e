//! Kernels inside `macro_rules!`: bodies that are items once `$` is taken away are linted like any other.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{File, Item, visit::Visit};

/// The bodies of all macros of `file` that hold a kernel and parse as items.
pub(super) fn expansions(file: &File) -> Vec<File> {
    let mut bodies = Bodies(Vec::new());
    bodies.visit_file(file);
    bodies.0
}

struct Bodies(Vec<File>);

impl<'a> Visit<'a> for Bodies {
    fn visit_item(&mut self, item: &'a Item) {
        if let Item::Macro(m) = item
            && m.mac.path.is_ident("macro_rules")
        {
            self.0
                .extend(arms(m.mac.tokens.clone()).into_iter().filter_map(|body| {
                    let body = without_dollars(body);
                    body.to_string()
                        .contains("hdl_gen")
                        .then(|| syn::parse2(body).ok())
                        .flatten()
                }));
        }
        syn::visit::visit_item(self, item);
    }
}

/// The braces behind each `=>`.
fn arms(tokens: TokenStream) -> Vec<TokenStream> {
    let mut arms = Vec::new();
    let mut arrow = false;
    for token in tokens {
        match token {
            TokenTree::Punct(p) => arrow = p.as_char() == '>',
            TokenTree::Group(g) if arrow => {
                arms.push(g.stream());
                arrow = false;
            }
            _ => arrow = false,
        }
    }
    arms
}

/// `$x` becomes `x`, `$( … )sep*` becomes its content once.
fn without_dollars(tokens: TokenStream) -> TokenStream {
    let mut out = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '$' => {
                if let Some(TokenTree::Group(g)) = tokens.peek()
                    && g.delimiter() == Delimiter::Parenthesis
                {
                    out.extend(without_dollars(g.stream()));
                    tokens.next();
                    // The separator, if any, and the repetition's operator.
                    while let Some(TokenTree::Punct(p)) = tokens.next() {
                        if "*+?".contains(p.as_char()) {
                            break;
                        }
                    }
                }
            }
            TokenTree::Group(g) => {
                let mut inner = proc_macro2::Group::new(g.delimiter(), without_dollars(g.stream()));
                inner.set_span(g.span());
                out.push(TokenTree::Group(inner));
            }
            other => out.push(other),
        }
    }
    out.into_iter().collect()
}
