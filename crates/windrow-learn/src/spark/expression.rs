//! Expressions and parameters as messages of Spark Connect. Values never become part of a text that Spark parses.

use spark_connect_proto::expression::literal::{Array, LiteralType};
use spark_connect_proto::expression::{Alias, Cast, ExprType, Literal, UnresolvedAttribute, UnresolvedFunction, cast};
use spark_connect_proto::{DataType, Expression, MlParams, data_type};

pub(super) fn column(name: &str) -> Expression {
    // Spark parses the identifier. Between backticks it is one name, whatever it contains.
    attribute(format!("`{}`", name.replace('`', "``")))
}

pub(super) fn attribute(unparsed_identifier: String) -> Expression {
    let attribute = UnresolvedAttribute { unparsed_identifier, ..UnresolvedAttribute::default() };
    expression(ExprType::UnresolvedAttribute(attribute))
}

pub(super) fn call(name: &str, arguments: impl IntoIterator<Item = Expression>) -> Expression {
    let (function_name, arguments) = (name.to_owned(), arguments.into_iter().collect());
    let function = UnresolvedFunction { function_name, arguments, ..UnresolvedFunction::default() };
    expression(ExprType::UnresolvedFunction(function))
}

pub(super) fn cast(from: Expression, to: &str) -> Expression {
    let cast_to_type = Some(cast::CastToType::TypeStr(to.to_owned()));
    expression(ExprType::Cast(Box::new(Cast { expr: Some(Box::new(from)), cast_to_type, ..Cast::default() })))
}

pub(super) fn named(name: &str, from: Expression) -> Expression {
    let (expr, name) = (Some(Box::new(from)), vec![name.to_owned()]);
    expression(ExprType::Alias(Box::new(Alias { expr, name, ..Alias::default() })))
}

pub(super) fn text(value: &str) -> Expression {
    expression(ExprType::Literal(text_literal(value)))
}

pub(super) fn number(value: f64) -> Expression {
    expression(ExprType::Literal(literal(LiteralType::Double(value))))
}

pub(super) fn integer(value: i64) -> Expression {
    expression(ExprType::Literal(literal(LiteralType::Long(value))))
}

fn expression(expr_type: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(expr_type) }
}

pub(super) fn literal(value: LiteralType) -> Literal {
    Literal { literal_type: Some(value), data_type: None }
}

pub(super) fn text_literal(value: &str) -> Literal {
    literal(LiteralType::String(value.to_owned()))
}

#[expect(deprecated, reason = "Spark before 4.1 knows no other place for the type")]
pub(super) fn texts_literal<'a>(values: impl IntoIterator<Item = &'a str>) -> Literal {
    let element_type = Some(DataType { kind: Some(data_type::Kind::String(data_type::String::default())) });
    let elements = values.into_iter().map(text_literal).collect();
    literal(LiteralType::Array(Array { element_type, elements }))
}

pub(super) fn params<const COUNT: usize>(params: [(&str, Literal); COUNT]) -> MlParams {
    MlParams { params: params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
}
