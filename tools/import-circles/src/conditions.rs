//! Detects code that is compiled only for tests or fuzzing.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ImplItem, Item, Meta, Stmt, Token, TraitItem};

/// Returns `true` if the attributes remove an item from a normal build: `#[test]`, or a `cfg` that can hold only in
/// tests or fuzzing, such as `#[cfg(all(test, unix))]`.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            return attribute.parse_args::<Meta>().is_ok_and(|meta| value(&meta) == Some(false));
        }
        // This includes `#[tokio::test]`.
        path.segments.last().is_some_and(|segment| segment.ident == "test")
    })
}

/// Returns the value of a `cfg` predicate in a normal build, or `None` if it depends on the build.
pub(crate) fn value(meta: &Meta) -> Option<bool> {
    let operands = || match meta {
        Meta::List(list) => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .map(|operands| operands.iter().map(value).collect::<Vec<_>>())
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    let path = meta.path();
    if path.is_ident("test") || path.is_ident("fuzzing") {
        Some(false)
    } else if path.is_ident("not") {
        operands().first().copied().flatten().map(|operand| !operand)
    } else if path.is_ident("all") {
        let operands = operands();
        if operands.contains(&Some(false)) {
            Some(false)
        } else {
            operands.iter().all(|operand| *operand == Some(true)).then_some(true)
        }
    } else if path.is_ident("any") {
        let operands = operands();
        if operands.contains(&Some(true)) {
            Some(true)
        } else {
            operands.iter().all(|operand| *operand == Some(false)).then_some(false)
        }
    } else {
        None
    }
}

pub(crate) fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub(crate) fn impl_item_attributes(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

pub(crate) fn trait_item_attributes(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

pub(crate) fn statement_attributes(statement: &Stmt) -> &[Attribute] {
    match statement {
        Stmt::Local(local) => &local.attrs,
        Stmt::Item(item) => item_attributes(item),
        Stmt::Macro(call) => &call.attrs,
        Stmt::Expr(expression, _) => expression_attributes(expression),
    }
}

/// Returns the attributes of the expressions that can carry a `cfg`: statements, arguments and elements of a list.
fn expression_attributes(expression: &Expr) -> &[Attribute] {
    match expression {
        Expr::Assign(expression) => &expression.attrs,
        Expr::Block(expression) => &expression.attrs,
        Expr::Call(expression) => &expression.attrs,
        Expr::ForLoop(expression) => &expression.attrs,
        Expr::If(expression) => &expression.attrs,
        Expr::Loop(expression) => &expression.attrs,
        Expr::Macro(expression) => &expression.attrs,
        Expr::Match(expression) => &expression.attrs,
        Expr::MethodCall(expression) => &expression.attrs,
        Expr::Return(expression) => &expression.attrs,
        Expr::While(expression) => &expression.attrs,
        _ => &[],
    }
}
