//! A session on a Spark Connect server: commands, their answers, and a check that the server still answers.

use std::time::Duration;

use spark_connect_core::channel::ChannelBuilder;
use spark_connect_core::client::SparkConnectClient;
use spark_connect_core::error::SparkError as ClientError;
use spark_connect_core::retries::RetryPolicy;
use spark_connect_proto::execute_plan_response::{ObservedMetrics, ResponseType};
use spark_connect_proto::expression::Literal;
use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::literal::specialized_array::ValueType;
use spark_connect_proto::fetch::method::{Args, args};
use spark_connect_proto::ml_command_result::{MlOperatorInfo, ResultType, ml_operator_info};
use spark_connect_proto::{
    AnalyzePlanRequest, Command, ExecutePlanRequest, Fetch, MlCommand, MlCommandResult, MlOperator, MlParams,
    ObjectRef, Plan, Relation, UserContext, analyze_plan_request, analyze_plan_response, command, fetch, ml_command,
    ml_operator, plan,
};

/// The time limit for a request that costs the server no work.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval at which a working server is asked whether it is still there. Also the time limit of its answer.
const LIVENESS_INTERVAL: Duration = Duration::from_secs(10);
/// The number of missed answers in a row after which the server counts as away.
const MAX_MISSED_ANSWERS: u32 = 3;
/// The id of the server object whose methods belong to no model.
const HELPER_ID: &str = "______ML_CONNECT_HELPER______";
/// The name of this client in Spark's logs.
pub(super) const CLIENT_NAME: &str = "windrow";
/// The gRPC codes that mean a failed connection and not a failed request: unavailable, cancelled, deadline exceeded.
const DISCONNECT_CODES: [i32; 3] = [14, 1, 4];
/// The codes unknown and internal. They mean a failed connection only if they come without details. The server's own
/// errors have details.
const DISCONNECT_CODES_WITHOUT_DETAILS: [i32; 2] = [2, 13];

/// The reason why a request failed.
pub(super) enum SessionFault {
    /// The server cannot be reached, or has forgotten this session. Another try may succeed.
    Unreachable(String),
    /// The server answered that it cannot do what was asked.
    Refused(String),
}

#[derive(Debug, Default)]
struct PlanResult {
    result: Option<MlCommandResult>,
    metrics: Vec<ObservedMetrics>,
}

/// A session on the server. When it ends, the server drops the session's caches and settings.
pub(super) struct Session {
    client: SparkConnectClient,
}

impl Session {
    /// Opens a session on a server that can train.
    pub(super) async fn open(remote: &ChannelBuilder) -> Result<Self, SessionFault> {
        let mut client = SparkConnectClient::connect(remote).await.map_err(fault)?;
        // Retry little here: `SparkSolver::fit` reports that the server is away, and waits for it.
        client.set_retry_policy(RetryPolicy { max_retries: Some(2), ..RetryPolicy::default() });
        let session = Self { client };
        let version = session.version().await?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < 4) {
            return Err(SessionFault::Refused(format!("it is Spark {version}, but Windrow needs Spark 4 or newer")));
        }
        for (key, value) in [
            // `a` and `A` are two columns.
            ("spark.sql.caseSensitive", "true"),
            ("spark.sql.session.timeZone", "UTC"),
            ("spark.sql.files.ignoreMissingFiles", "false"),
            ("spark.sql.files.ignoreCorruptFiles", "false"),
        ] {
            with_timeout(session.client.set_config(key, value)).await?;
        }
        Ok(session)
    }

    async fn version(&self) -> Result<String, SessionFault> {
        let request = AnalyzePlanRequest {
            session_id: self.client.session_id().to_owned(),
            user_context: Some(self.user()),
            client_type: Some(CLIENT_NAME.to_owned()),
            analyze: Some(analyze_plan_request::Analyze::SparkVersion(analyze_plan_request::SparkVersion {})),
            ..AnalyzePlanRequest::default()
        };
        match with_timeout(Box::pin(self.client.analyze_plan(request))).await?.result {
            Some(analyze_plan_response::Result::SparkVersion(found)) => Ok(found.version),
            _ => Err(SessionFault::Refused("it does not report its version".to_owned())),
        }
    }

    fn user(&self) -> UserContext {
        let user = self.client.user_id().unwrap_or(CLIENT_NAME).to_owned();
        UserContext { user_id: user.clone(), user_name: user, extensions: Vec::new() }
    }

    /// Fits the estimator `name` to a table. Returns the model, which the server keeps.
    pub(super) async fn fit(&self, name: &str, params: MlParams, dataset: Relation) -> Result<ObjectRef, SessionFault> {
        let estimator = MlOperator {
            name: name.to_owned(),
            uid: "windrow_model".to_owned(),
            r#type: ml_operator::OperatorType::Estimator as i32,
        };
        let fit = ml_command::Fit { estimator: Some(estimator), params: Some(params), dataset: Some(dataset) };
        self.object(ml_command::Command::Fit(fit)).await
    }

    /// Creates a model that turns each token into one column.
    pub(super) async fn one_hot(&self, tokens: Literal) -> Result<ObjectRef, SessionFault> {
        let uid = Literal { literal_type: Some(LiteralType::String("windrow_levels".to_owned())), data_type: None };
        let argument = |literal: Literal| Args { args_type: Some(args::ArgsType::Param(literal)) };
        let args = vec![argument(uid), argument(tokens)];
        let method = fetch::Method { method: "countVectorizerModelFromVocabulary".to_owned(), args };
        let obj_ref = Some(ObjectRef { id: HELPER_ID.to_owned() });
        self.object(ml_command::Command::Fetch(Fetch { obj_ref, methods: vec![method] })).await
    }

    async fn object(&self, command: ml_command::Command) -> Result<ObjectRef, SessionFault> {
        match self.ml(command).await? {
            Some(ResultType::OperatorInfo(MlOperatorInfo {
                r#type: Some(ml_operator_info::Type::ObjRef(object)),
                ..
            })) => Ok(object),
            other => Err(unexpected("a model", &other)),
        }
    }

    /// Calls a chain of methods on a model, and returns the last result.
    pub(super) async fn fetch(&self, model: &ObjectRef, methods: &[&str]) -> Result<Literal, SessionFault> {
        let method = |name: &&str| fetch::Method { method: (*name).to_owned(), args: Vec::new() };
        let methods = methods.iter().map(method).collect();
        match self.ml(ml_command::Command::Fetch(Fetch { obj_ref: Some(model.clone()), methods })).await? {
            Some(ResultType::Param(literal)) => Ok(literal),
            other => Err(unexpected("a value", &other)),
        }
    }

    /// Calls a chain of methods that returns numbers.
    pub(super) async fn numbers(&self, model: &ObjectRef, methods: &[&str]) -> Result<Vec<f64>, SessionFault> {
        let literal = self.fetch(model, methods).await?;
        numbers(&literal).ok_or_else(|| SessionFault::Refused(format!("its {} are not numbers", methods.join("."))))
    }

    /// Calls a chain of methods that returns one number.
    pub(super) async fn number(&self, model: &ObjectRef, methods: &[&str]) -> Result<f64, SessionFault> {
        let literal = self.fetch(model, methods).await?;
        number(&literal).ok_or_else(|| SessionFault::Refused(format!("its {} is not a number", methods.join("."))))
    }

    pub(super) async fn delete(&self, objects: Vec<ObjectRef>) -> Result<(), SessionFault> {
        let delete = ml_command::Delete { obj_refs: objects, evict_only: Some(false) };
        self.ml(ml_command::Command::Delete(delete)).await.map(|_| ())
    }

    /// Runs a query, and returns the values of its metrics `name`.
    pub(super) async fn metrics(&self, query: Relation, name: &str) -> Result<Vec<f64>, SessionFault> {
        let answer = self.run(plan::OpType::Root(query)).await?;
        let found = answer.metrics.iter().find(|metrics| metrics.name == name);
        let numbers = found.map(|metrics| metrics.values.iter().filter_map(number).collect());
        numbers.ok_or_else(|| SessionFault::Refused("it does not report how many rows it has read".to_owned()))
    }

    async fn ml(&self, command: ml_command::Command) -> Result<Option<ResultType>, SessionFault> {
        let ml = MlCommand { command: Some(command) };
        let command = Command { command_type: Some(command::CommandType::MlCommand(ml)) };
        let answer = self.run(plan::OpType::Command(command)).await?;
        Ok(answer.result.and_then(|result| result.result_type))
    }

    /// Runs a plan, without a time limit while the server answers.
    async fn run(&self, op_type: plan::OpType) -> Result<PlanResult, SessionFault> {
        let request = ExecutePlanRequest {
            session_id: self.client.session_id().to_owned(),
            user_context: Some(self.user()),
            client_type: Some(CLIENT_NAME.to_owned()),
            plan: Some(Plan { op_type: Some(op_type) }),
            ..ExecutePlanRequest::default()
        };
        let work = Box::pin(async {
            let mut stream = self.client.execute_plan_reattachable(request).await?;
            let mut answer = PlanResult::default();
            while let Some(response) = stream.message().await? {
                answer.metrics.extend(response.observed_metrics);
                if let Some(ResponseType::MlCommandResult(result)) = response.response_type {
                    answer.result = Some(result);
                }
            }
            Ok(answer)
        });
        tokio::select! {
            answer = work => answer.map_err(fault),
            fault = self.wait_until_lost() => Err(fault),
        }
    }

    /// Completes when the server has missed [`MAX_MISSED_ANSWERS`] answers in a row.
    async fn wait_until_lost(&self) -> SessionFault {
        let mut missed = 0;
        loop {
            tokio::time::sleep(LIVENESS_INTERVAL).await;
            let asked =
                tokio::time::timeout(LIVENESS_INTERVAL, self.client.get_configs(&["spark.sql.session.timeZone"])).await;
            missed = if matches!(asked, Ok(Ok(_))) { 0 } else { missed + 1 };
            if missed == MAX_MISSED_ANSWERS {
                return SessionFault::Unreachable(format!(
                    "it has not answered for {} s",
                    2 * LIVENESS_INTERVAL.as_secs() * u64::from(MAX_MISSED_ANSWERS)
                ));
            }
        }
    }

    /// Stops the server's work for this session, and ends the session.
    pub(super) async fn close(&self) {
        let ending = async {
            let _ = self.client.interrupt_all().await;
            let _ = self.client.release_session().await;
        };
        // If the server is away, it has ended the session itself or will do so.
        let _ = tokio::time::timeout(Duration::from_secs(2), ending).await;
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.client.session_id()).finish_non_exhaustive()
    }
}

async fn with_timeout<T>(asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, SessionFault> {
    match tokio::time::timeout(REQUEST_TIMEOUT, asked).await {
        Ok(answer) => answer.map_err(fault),
        Err(_) => Err(SessionFault::Unreachable(format!("it has not answered for {} s", REQUEST_TIMEOUT.as_secs()))),
    }
}

/// Converts an error to a fault with Spark's own message, without its stack trace.
fn fault(error: ClientError) -> SessionFault {
    let message = error.get_message();
    let first = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gives no reason");
    let condition = error.get_condition().unwrap_or_default();
    let text = first.trim_start_matches("[Unknown error]").trim().trim_end_matches('.').to_owned();
    let is_forgotten = ["INVALID_HANDLE", "INVALID_CURSOR", "SESSION_NOT_SAME", "CONNECT_ML.CACHE_INVALID"]
        .iter()
        .any(|known| condition.starts_with(known) || message.contains(known));
    let says_nothing = error.grpc_details().is_none_or(<[u8]>::is_empty);
    let is_of_the_way =
        |code| DISCONNECT_CODES.contains(&code) || (DISCONNECT_CODES_WITHOUT_DETAILS.contains(&code) && says_nothing);
    if is_forgotten || error.grpc_code().is_some_and(is_of_the_way) {
        SessionFault::Unreachable(text)
    } else {
        SessionFault::Refused(text)
    }
}

fn unexpected(wanted: &str, got: &Option<ResultType>) -> SessionFault {
    let got = match got {
        None => "nothing",
        Some(ResultType::Param(_)) => "a value",
        Some(ResultType::Summary(_)) => "a summary",
        Some(ResultType::OperatorInfo(_)) => "an operator",
    };
    SessionFault::Refused(format!("it returned {got}, but {wanted} was requested"))
}

fn number(literal: &Literal) -> Option<f64> {
    match literal.literal_type.as_ref()? {
        LiteralType::Double(number) => Some(*number),
        LiteralType::Float(number) => Some(f64::from(*number)),
        LiteralType::Integer(n) | LiteralType::Short(n) | LiteralType::Byte(n) => Some(f64::from(*n)),
        // A count of rows, far below what an `f64` holds exactly.
        LiteralType::Long(number) => Some(*number as f64),
        _ => None,
    }
}

/// Reads an array of numbers or a vector. A vector has a kind (0 is sparse), a size, indices and values.
fn numbers(literal: &Literal) -> Option<Vec<f64>> {
    match literal.literal_type.as_ref()? {
        LiteralType::Array(array) => array.elements.iter().map(number).collect(),
        LiteralType::SpecializedArray(array) => match array.value_type.as_ref()? {
            ValueType::Doubles(doubles) => Some(doubles.values.clone()),
            ValueType::Floats(floats) => Some(floats.values.iter().copied().map(f64::from).collect()),
            _ => None,
        },
        LiteralType::Struct(vector) => {
            let [kind, size, indices, values] = vector.elements.as_slice() else { return None };
            let values = numbers(values)?;
            if number(kind)? != 0.0 {
                return Some(values);
            }
            let LiteralType::SpecializedArray(indices) = indices.literal_type.as_ref()? else { return None };
            let ValueType::Ints(indices) = indices.value_type.as_ref()? else { return None };
            sparse(number(size)?, &indices.values, &values)
        }
        _ => None,
    }
}

/// Expands a sparse vector. `None` if the parts do not fit together, or if the size is larger than any model's.
fn sparse(size: f64, indices: &[i32], values: &[f64]) -> Option<Vec<f64>> {
    /// Far more columns than any model has.
    const MAX_VECTOR_SIZE: f64 = 10_000_000.0;
    if indices.len() != values.len() || !(0.0..=MAX_VECTOR_SIZE).contains(&size) {
        return None;
    }
    let mut dense = vec![0.0; size as usize];
    for (index, value) in indices.iter().zip(values) {
        *dense.get_mut(usize::try_from(*index).ok()?)? = *value;
    }
    Some(dense)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spark::expression::literal;
    use spark_connect_proto::expression::literal::{SpecializedArray, Struct};
    use spark_connect_proto::{Doubles, Ints};

    fn array(value: ValueType) -> Literal {
        literal(LiteralType::SpecializedArray(SpecializedArray { value_type: Some(value) }))
    }

    #[expect(deprecated, reason = "the field is there")]
    fn vector(kind: i32, size: i32, indices: Vec<i32>, values: Vec<f64>) -> Literal {
        let elements = vec![
            literal(LiteralType::Byte(kind)),
            literal(LiteralType::Integer(size)),
            array(ValueType::Ints(Ints { values: indices })),
            array(ValueType::Doubles(Doubles { values })),
        ];
        literal(LiteralType::Struct(Struct { struct_type: None, elements }))
    }

    #[test]
    fn vectors_are_read_whether_dense_or_sparse_and_others_refused() {
        assert_eq!(numbers(&vector(1, 0, vec![], vec![1.0, 2.0])), Some(vec![1.0, 2.0]));
        assert_eq!(numbers(&vector(0, 4, vec![1, 3], vec![1.0, 2.0])), Some(vec![0.0, 1.0, 0.0, 2.0]));
        for damaged in [
            vector(0, 2, vec![2], vec![1.0]),
            vector(0, 2, vec![-1], vec![1.0]),
            vector(0, 2, vec![0, 1], vec![1.0]),
            vector(0, -1, vec![], vec![]),
            vector(0, i32::MAX, vec![], vec![]),
            literal(LiteralType::Boolean(true)),
            Literal::default(),
        ] {
            assert_eq!(numbers(&damaged), None, "{damaged:?}");
        }
    }
}
