//! Paths in token streams that the parser does not know: the bodies and arguments of macros, and attributes.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::ext::IdentExt as _;

use crate::use_tree::NamePath;

/// A path in a token stream, and its line.
pub(crate) struct Mention {
    pub(crate) path: NamePath,
    pub(crate) line: usize,
}

/// Returns the paths with `::`, and the single names that start with an uppercase letter. Leaves out paths that start
/// with `::`, which name other crates. With `reads_texts`, string literals that are paths count as well.
pub(crate) fn mentions(tokens: TokenStream, reads_texts: bool) -> Vec<Mention> {
    let mut mentions = Vec::new();
    scan(tokens, reads_texts, &mut mentions);
    mentions
}

fn scan(tokens: TokenStream, reads_texts: bool, mentions: &mut Vec<Mention>) {
    // The path so far, whether `::` follows it, and whether `::` or `.` precedes it.
    let mut path: Option<Mention> = None;
    let mut continues = false;
    let mut is_tail = false;
    let mut colon_before = false;
    for token in tokens {
        let is_colon = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':');
        if is_colon {
            let is_joint = matches!(&token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint);
            if colon_before {
                // the second half of `::`
                continues = path.is_some();
                is_tail = path.is_none();
                colon_before = false;
            } else if is_joint {
                colon_before = true;
            } else {
                finish(path.take(), mentions);
                (continues, is_tail) = (false, false);
            }
            continue;
        }
        colon_before = false;
        match token {
            TokenTree::Ident(ident) => {
                let name = ident.unraw().to_string();
                match &mut path {
                    Some(mention) if continues => mention.path.segments.push(name),
                    _ => {
                        finish(path.take(), mentions);
                        if !is_tail {
                            let path_start = NamePath { is_global: false, segments: vec![name] };
                            path = Some(Mention { path: path_start, line: ident.span().start().line });
                        }
                    }
                }
                (continues, is_tail) = (false, false);
            }
            other => {
                finish(path.take(), mentions);
                continues = false;
                is_tail = matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '.');
                match other {
                    TokenTree::Group(group) => scan(group.stream(), reads_texts, mentions),
                    TokenTree::Literal(literal) if reads_texts => {
                        mentions.extend(text_path(&literal).map(|path| {
                            let line = literal.span().start().line;
                            Mention { path, line }
                        }));
                    }
                    _ => {}
                }
            }
        }
    }
    finish(path, mentions);
}

fn finish(path: Option<Mention>, mentions: &mut Vec<Mention>) {
    mentions.extend(path.filter(|mention| {
        let segments = &mention.path.segments;
        segments.len() > 1 || segments[0].starts_with(char::is_uppercase)
    }));
}

/// Returns the path in a text such as that of `#[serde(with = "crate::hex")]`.
fn text_path(literal: &proc_macro2::Literal) -> Option<NamePath> {
    let text: syn::LitStr = syn::parse_str(&literal.to_string()).ok()?;
    let path: syn::Path = syn::parse_str(&text.value()).ok()?;
    let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
    Some(NamePath { is_global: path.leading_colon.is_some(), segments })
}
