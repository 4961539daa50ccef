//! Query plans for Spark: the labelled rows of some windows, encoded by an encoder.
//!
//! Spark gets the numeric columns first and then the levels. [`Encoded`] holds the order of the encoder's columns.

use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::ml_relation::transform::Operator;
use spark_connect_proto::{
    Aggregate, CollectMetrics, Expression, Filter, MlOperator, MlParams, MlRelation, ObjectRef, Project, Read,
    Relation, SetOperation, aggregate, ml_operator, ml_relation, read, relation, set_operation,
};

use crate::model::{EncodedFeature, Encoder, Encoding, Level, RemoteTask};
use crate::spark::expression::{
    attribute, call, cast, column, integer, literal, named, number, params, text, text_literal, texts_literal,
};
use windrow_config::{CalendarPart, Schema, TargetRule};
use windrow_record::TimeFormat;

pub(super) const LABEL: &str = "label";
pub(super) const FEATURES: &str = "features";
const TOKENS: &str = "tokens";
const LEVELS: &str = "levels";
/// The name of the metrics that count the rows that Spark read.
pub(super) const METRICS: &str = "rows";

/// The expressions that encode a window's rows.
pub(super) struct Encoded {
    /// The standardised numbers, with their column names.
    numbers: Vec<(String, Expression)>,
    /// The token of a row's level, for each one-hot feature.
    tokens: Vec<Expression>,
    /// The tokens of all levels, in the order of Spark's columns.
    pub(super) vocabulary: Vec<String>,
    /// The encoder's column of each of Spark's columns.
    pub(super) columns: Vec<usize>,
}

impl Encoded {
    pub(super) fn new(encoder: &Encoder, schema: &Schema) -> Self {
        let (mut numbers, mut tokens, mut vocabulary) = (Vec::new(), Vec::new(), Vec::new());
        let (mut number_columns, mut level_columns) = (Vec::new(), Vec::new());
        let mut first = 0;
        for (index, EncodedFeature { column: name, encoding }) in encoder.features.iter().enumerate() {
            let columns = first..first + encoding.width();
            first = columns.end;
            let (levels, cell) = match encoding {
                Encoding::Number { log, mean, deviation, .. } => {
                    let cell = number_in(schema, name);
                    let x = if *log { call("log1p", [cell]) } else { cell };
                    let standard = call("/", [call("-", [x, number(*mean)]), number(*deviation)]);
                    // A missing cell counts as the mean.
                    numbers.push((format!("number_{index}"), call("coalesce", [standard, number(0.0)])));
                    number_columns.extend(columns);
                    continue;
                }
                Encoding::Category { levels } => (levels, column(name)),
                Encoding::Calendar { part, format, levels } => (levels, cast(calendar(*part, format, name), "string")),
            };
            tokens.push(token(index, levels, &cell));
            vocabulary.extend(levels.iter().map(|level| token_text(index, level)));
            level_columns.extend(columns);
        }
        number_columns.extend(level_columns);
        Self { numbers, tokens, vocabulary, columns: number_columns }
    }

    /// Returns label and features of the labelled rows. If there are one-hot features, `levels` is the model that turns
    /// tokens into columns.
    pub(super) fn rows(&self, labelled: Relation, schema: &Schema, levels: Option<ObjectRef>) -> Relation {
        let mut columns = vec![named(LABEL, cast(is_positive(schema), "double"))];
        columns.extend(self.numbers.iter().map(|(name, number)| named(name, number.clone())));
        let mut parts: Vec<&str> = self.numbers.iter().map(|(name, _)| name.as_str()).collect();
        if !self.tokens.is_empty() {
            columns.push(named(TOKENS, call("array", self.tokens.iter().cloned())));
        }
        let mut rows = project(labelled, columns);
        if let Some(levels) = levels {
            let columns = params([("inputCol", text_literal(TOKENS)), ("outputCol", text_literal(LEVELS))]);
            rows = transform(rows, Operator::ObjRef(levels), columns);
            parts.push(LEVELS);
        }
        let assembler = Operator::Transformer(MlOperator {
            name: "org.apache.spark.ml.feature.VectorAssembler".to_owned(),
            uid: "windrow_features".to_owned(),
            r#type: ml_operator::OperatorType::Transformer as i32,
        });
        let columns = params([("inputCols", texts_literal(parts)), ("outputCol", text_literal(FEATURES))]);
        let rows = transform(rows, assembler, columns);
        project(rows, vec![column(LABEL), column(FEATURES)])
    }
}

/// Returns the reason why Spark cannot encode the rows, if there is one.
///
/// A time column that is also used as text is stored as text. Spark does not read it with the pipeline's format.
pub(super) fn unsupported_reason(encoder: &Encoder, schema: &Schema) -> Option<String> {
    let has_calendar = encoder.features.iter().any(|feature| matches!(feature.encoding, Encoding::Calendar { .. }));
    let (index, format) = schema.time.as_ref().filter(|_| has_calendar)?;
    (format.epoch().is_none() && !schema.is_only_time(*index)).then(|| {
        format!(
            "the times in {} are stored as text, because this column is also used as text: remove it from \
             features.categorical, or remove features.calendar",
            schema.columns[*index]
        )
    })
}

/// Returns the labelled rows of a task, read from the files of its windows.
pub(super) fn labelled(task: &RemoteTask<'_>, files: &[String], schema: &Schema) -> Relation {
    let mut earlier = files;
    let mut newest = None;
    if let (Some(rows), Some((last, before))) = (task.newest_rows, files.split_last()) {
        earlier = before;
        let row_index = attribute("_metadata.row_index".to_owned());
        let is_before = call("<", [row_index, integer(i64::try_from(rows).unwrap_or(i64::MAX))]);
        // The projection drops the row index, so that both parts of the union have the same columns.
        newest = Some(all_columns(filter(read(std::slice::from_ref(last)), is_before), schema));
    }
    let earlier = (!earlier.is_empty()).then(|| all_columns(read(earlier), schema));
    let rows = match (earlier, newest) {
        (Some(earlier), Some(newest)) => relation(relation::RelType::SetOp(Box::new(SetOperation {
            left_input: Some(Box::new(earlier)),
            right_input: Some(Box::new(newest)),
            set_op_type: set_operation::SetOpType::Union as i32,
            is_all: Some(true),
            by_name: Some(false),
            allow_missing_columns: Some(false),
        }))),
        (one, other) => one.or(other).unwrap_or_default(),
    };
    filter(rows, call("isnotnull", [column(target(schema))]))
}

/// Returns a query that counts labelled rows and positive rows. Spark reports the counts as the metrics [`METRICS`].
pub(super) fn counted(labelled: Relation, schema: &Schema) -> Relation {
    let label = project(labelled, vec![named(LABEL, cast(is_positive(schema), "long"))]);
    let rows = named("rows", call("count", [column(LABEL)]));
    let positives = named("positives", call("coalesce", [call("sum", [column(LABEL)]), integer(0)]));
    let (input, name, metrics) = (Some(Box::new(label)), METRICS.to_owned(), vec![rows, positives]);
    let observed = relation(relation::RelType::CollectMetrics(Box::new(CollectMetrics { input, name, metrics })));
    relation(relation::RelType::Aggregate(Box::new(Aggregate {
        input: Some(Box::new(observed)),
        group_type: aggregate::GroupType::Groupby as i32,
        aggregate_expressions: vec![call("count", [integer(1)])],
        ..Aggregate::default()
    })))
}

fn read(files: &[String]) -> Relation {
    let (format, paths) = (Some("parquet".to_owned()), files.iter().map(|file| escaped(file)).collect());
    let source = read::DataSource { format, paths, ..read::DataSource::default() };
    let read_type = Some(read::ReadType::DataSource(source));
    relation(relation::RelType::Read(Read { is_streaming: false, read_type }))
}

/// Escapes a path, because Spark reads paths as glob patterns.
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Selects the columns that are used: the features and the target.
fn all_columns(rows: Relation, schema: &Schema) -> Relation {
    let mut used: Vec<&str> = schema.features.iter().map(|feature| feature.column.as_str()).collect();
    used.push(target(schema));
    used.sort_unstable();
    used.dedup();
    project(rows, used.into_iter().map(column).collect())
}

fn target(schema: &Schema) -> &str {
    &schema.columns[schema.target().0]
}

fn is_positive(schema: &Schema) -> Expression {
    let name = target(schema);
    let compared = |by: &str, bound: f64| call(by, [number_in(schema, name), number(bound)]);
    match schema.target().1 {
        TargetRule::AtLeast(bound) => compared(">=", *bound),
        TargetRule::Above(bound) => compared(">", *bound),
        TargetRule::AtMost(bound) => compared("<=", *bound),
        TargetRule::Below(bound) => compared("<", *bound),
        TargetRule::Equals(value) => call("==", [column(name), text(value)]),
        TargetRule::OneOf(texts) => call("in", std::iter::once(column(name)).chain(texts.iter().map(|one| text(one)))),
    }
}

/// Returns a column as numbers. A column that is also used as text is stored as text, and is cast.
fn number_in(schema: &Schema, name: &str) -> Expression {
    let index = schema.columns.iter().position(|column| column == name);
    if index.is_some_and(|index| schema.is_number(index)) {
        return column(name);
    }
    cast(call("trim", [column(name)]), "double")
}

/// Returns the token of a row's level. A cell that is not a level gets the token of `missing` or `other`.
fn token(index: usize, levels: &[Level], cell: &Expression) -> Expression {
    let values: Vec<Expression> = levels.iter().filter_map(Level::value).map(text).collect();
    let mut cases = Vec::new();
    if !values.is_empty() {
        cases.push(call("in", std::iter::once(cell.clone()).chain(values)));
        cases.push(call("concat", [text(&format!("{index}=")), cell.clone()]));
    }
    if levels.contains(&Level::Missing) {
        cases.push(call("isnull", [cell.clone()]));
        cases.push(text(&token_text(index, &Level::Missing)));
    }
    let other = text(&token_text(index, &Level::Other));
    if cases.is_empty() {
        return other;
    }
    cases.push(other);
    call("when", cases)
}

fn token_text(index: usize, level: &Level) -> String {
    match level {
        Level::Value(value) => format!("{index}={value}"),
        Level::Missing => format!("{index}!missing"),
        Level::Other => format!("{index}!other"),
    }
}

/// Returns a part of the time as an integer.
fn calendar(part: CalendarPart, format: &TimeFormat, name: &str) -> Expression {
    let Some(in_a_second) = format.epoch() else {
        let time = column(name);
        return match part {
            CalendarPart::Hour => call("hour", [time]),
            // Spark's `weekday` begins with 0 on Mondays, the encoder's with 1.
            CalendarPart::Weekday => call("+", [call("weekday", [time]), cast(integer(1), "int")]),
            CalendarPart::Month => call("month", [time]),
        };
    };
    let count = cast(call("trim", [column(name)]), "double");
    let seconds = call("floor", [call("/", [count, number(in_a_second)])]);
    let of = |seconds_in: i64| cast(call("floor", [call("/", [seconds.clone(), integer(seconds_in)])]), "int");
    let small = |number: i64| cast(integer(number), "int");
    match part {
        CalendarPart::Hour => call("pmod", [of(3600), small(24)]),
        // 1970-01-01 was a Thursday.
        CalendarPart::Weekday => call("+", [call("pmod", [call("+", [of(86_400), small(3)]), small(7)]), small(1)]),
        CalendarPart::Month => call("month", [call("date_from_unix_date", [of(86_400)])]),
    }
}

fn filter(rows: Relation, condition: Expression) -> Relation {
    relation(relation::RelType::Filter(Box::new(Filter { input: Some(Box::new(rows)), condition: Some(condition) })))
}

fn project(rows: Relation, expressions: Vec<Expression>) -> Relation {
    relation(relation::RelType::Project(Box::new(Project { input: Some(Box::new(rows)), expressions })))
}

fn transform(rows: Relation, operator: Operator, params: MlParams) -> Relation {
    let (input, operator, params) = (Some(Box::new(rows)), Some(operator), Some(params));
    let transform = ml_relation::Transform { input, operator, params };
    let ml_type = Some(ml_relation::MlType::Transform(Box::new(transform)));
    relation(relation::RelType::MlRelation(Box::new(MlRelation { ml_type, model_summary_dataset: None })))
}

fn relation(rel_type: relation::RelType) -> Relation {
    Relation { common: None, rel_type: Some(rel_type) }
}

/// Returns the parameters of Spark's logistic regression, for a penalty per row.
pub(super) fn regression(l2_per_row: f64) -> MlParams {
    params([
        ("featuresCol", text_literal(FEATURES)),
        ("labelCol", text_literal(LABEL)),
        ("family", text_literal("binomial")),
        ("fitIntercept", literal(LiteralType::Boolean(true))),
        ("elasticNetParam", literal(LiteralType::Double(0.0))),
        ("regParam", literal(LiteralType::Double(l2_per_row))),
        // The columns are already standardised, and the penalty applies to these coefficients.
        ("standardization", literal(LiteralType::Boolean(false))),
        ("tol", literal(LiteralType::Double(TOLERANCE))),
        ("maxIter", literal(LiteralType::Integer(MAX_ITERATIONS))),
    ])
}

/// Spark's relative tolerance. With its default of 1e-6, the coefficients of the flights dataset are off by 1e-2. With
/// this value they are off by 1e-4, at three times as many steps.
const TOLERANCE: f64 = 1e-12;
pub(super) const MAX_ITERATIONS: i32 = 2_000;
