//! The columns of the files that a learner reads.

use serde::{Deserialize, Serialize};

use windrow_config::{CalendarPart, FeatureKind, Schema};

/// The columns of the files that a learner reads: the features in order, and the label last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerSchema {
    /// The name of the label's column.
    pub target: String,
    /// The features, in the order of the pipeline's schema.
    pub features: Vec<LearnerFeature>,
}

/// A feature as a learner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnerFeature {
    /// The name of the column: `distance`, `log(fare)`, `carrier` or `hour(departure)`.
    pub name: String,
    /// The kind of its cells.
    pub kind: LearnerKind,
    /// All codes that a calendar feature can have; `None` for any other feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<Vec<i32>>,
}

/// The kind of a feature's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LearnerKind {
    /// A number, as a double.
    Number,
    /// log(1 + x) of a number x.
    Logarithm,
    /// A text, such as a carrier.
    Category,
    /// A part of a time, as a small integer.
    Calendar,
}

impl LearnerSchema {
    /// Returns the columns for a pipeline. Every name is different: a name that was given before gets a number.
    pub fn of(schema: &Schema) -> Self {
        let target = schema.columns.get(schema.target().0).cloned().unwrap_or_default();
        let mut features: Vec<LearnerFeature> = Vec::new();
        for feature in &schema.features {
            let column = &feature.column;
            let (name, kind, codes) = match &feature.kind {
                FeatureKind::Numeric => (column.clone(), LearnerKind::Number, None),
                FeatureKind::Log => (format!("log({column})"), LearnerKind::Logarithm, None),
                FeatureKind::Categorical => (column.clone(), LearnerKind::Category, None),
                FeatureKind::Calendar(part, _) => {
                    (format!("{}({column})", part.name()), LearnerKind::Calendar, Some(codes(*part)))
                }
            };
            // A dataset may have a column with the name `log(fare)`.
            let is_free = |name: &str| name != target && features.iter().all(|feature| feature.name != name);
            let numbered = (2_u32..).map(|number| format!("{name} ({number})"));
            let name = std::iter::once(name.clone()).chain(numbered).find(|name| is_free(name)).unwrap_or(name);
            features.push(LearnerFeature { name, kind, codes });
        }
        Self { target, features }
    }
}

/// Returns all codes of a part of a time.
fn codes(part: CalendarPart) -> Vec<i32> {
    match part {
        CalendarPart::Hour => (0..=23).collect(),
        CalendarPart::Weekday => (1..=7).collect(),
        CalendarPart::Month => (1..=12).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use windrow_config::Pipeline;

    #[test]
    fn names_tell_how_a_column_is_read() {
        let text = "name = \"sample\"\n[dataset]\npath = \"sample.csv\"\n\
                    time = { column = \"departure\", format = \"%Y-%m-%d %H:%M\" }\n\
                    [target]\ncolumn = \"late\"\nequals = \"1\"\n\
                    [features]\nnumeric = [\"distance\", \"log(fare)\"]\nlog = [\"fare\"]\ncategorical = [\"carrier\"]\n\
                    calendar = [\"weekday\"]\n[window]\nparts = 3\n";
        let pipeline = Pipeline::parse(Path::new("sample.toml"), text).expect("a good pipeline file");
        let columns = ["late", "distance", "log(fare)", "fare", "carrier", "departure"].map(str::to_owned);
        let schema = LearnerSchema::of(&Schema::bind(&pipeline, &columns).expect("all columns exist"));
        let text = serde_json::to_string(&schema).expect("plain fields");
        assert_eq!(
            text,
            "{\"target\":\"late\",\"features\":[{\"name\":\"distance\",\"kind\":\"number\"},\
             {\"name\":\"log(fare)\",\"kind\":\"number\"},{\"name\":\"log(fare) (2)\",\"kind\":\"logarithm\"},\
             {\"name\":\"carrier\",\"kind\":\"category\"},\
             {\"name\":\"weekday(departure)\",\"kind\":\"calendar\",\"codes\":[1,2,3,4,5,6,7]}]}"
        );
        assert_eq!(serde_json::from_str::<LearnerSchema>(&text).expect("the same form"), schema);
    }
}
