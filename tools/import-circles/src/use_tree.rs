//! Flattens `use` declarations to a list of names.

use syn::ext::IdentExt as _;
use syn::{Ident, ItemUse, UseTree, Visibility};

/// A path as it is written, without generic arguments.
#[derive(Debug, Clone)]
pub(crate) struct NamePath {
    /// True if the path starts with `::`.
    pub(crate) is_global: bool,
    pub(crate) segments: Vec<String>,
}

/// The effect of a `use` declaration on the names in scope.
#[derive(Debug)]
pub(crate) enum Binding {
    /// `use a::b` and `use a::b as c`: the name in scope.
    Name(String),
    /// `use a::{self}`: the name in scope, of a type or module only.
    Itself(String),
    /// `use a::Trait as _`: no name in scope.
    Anonymous,
    /// `use a::*`: all public names of the module.
    Glob,
}

/// One path of a `use` declaration.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) path: NamePath,
    pub(crate) binding: Binding,
    pub(crate) line: usize,
}

/// Returns the paths of a declaration, with its braces resolved.
pub(crate) fn leaves(declaration: &ItemUse) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let start = NamePath { is_global: declaration.leading_colon.is_some(), segments: Vec::new() };
    flatten(&declaration.tree, &start, &mut leaves);
    leaves
}

/// Returns `true` if other modules can use the name: `pub(self) use` is as private as `use`.
pub(crate) fn is_reexport(declaration: &ItemUse) -> bool {
    match &declaration.vis {
        Visibility::Public(_) => true,
        Visibility::Restricted(restricted) => !restricted.path.is_ident("self"),
        Visibility::Inherited => false,
    }
}

fn flatten(tree: &UseTree, prefix: &NamePath, leaves: &mut Vec<Leaf>) {
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &prefix.join(&path.ident), leaves),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, leaves)),
        UseTree::Glob(glob) => {
            let line = glob.star_token.span.start().line;
            leaves.push(Leaf { path: prefix.clone(), binding: Binding::Glob, line });
        }
        UseTree::Name(name) => leaves.push(leaf(prefix, &name.ident, None)),
        UseTree::Rename(rename) => leaves.push(leaf(prefix, &rename.ident, Some(&rename.rename))),
    }
}

fn leaf(prefix: &NamePath, ident: &Ident, rename: Option<&Ident>) -> Leaf {
    let is_itself = ident == "self" && !prefix.segments.is_empty();
    let path = if is_itself { prefix.clone() } else { prefix.join(ident) };
    let name = match rename {
        Some(rename) => rename.unraw().to_string(),
        None => path.segments.last().cloned().unwrap_or_default(),
    };
    let binding = match name.as_str() {
        "_" => Binding::Anonymous,
        _ if is_itself => Binding::Itself(name),
        _ => Binding::Name(name),
    };
    Leaf { path, binding, line: ident.span().start().line }
}

impl NamePath {
    fn join(&self, ident: &Ident) -> Self {
        let mut path = self.clone();
        path.segments.push(ident.unraw().to_string());
        path
    }
}
