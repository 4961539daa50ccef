//! What tansu keeps, with the messages in our own [`Log`]s.
//!
//! tansu 0.6.0 gives a reader that goes on within a batch the batch after it, tells as the end of a partition the
//! first offset of its last batch plus one, and lists every batch of a partition for every read. Rows would be lost at
//! every restart of a consumer. So messages, offsets and producer ids are kept here, and everything else (topics,
//! groups, committed positions) in tansu's memory storage. Transactions are refused: nothing in Windrow uses them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tansu_sans_io::create_topics_request::CreatableTopic;
use tansu_sans_io::delete_groups_response::DeletableGroupResult;
use tansu_sans_io::delete_records_request::DeleteRecordsTopic;
use tansu_sans_io::delete_records_response::DeleteRecordsTopicResult;
use tansu_sans_io::describe_cluster_response::DescribeClusterBroker;
use tansu_sans_io::describe_configs_response::DescribeConfigsResult;
use tansu_sans_io::describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic;
use tansu_sans_io::incremental_alter_configs_request::AlterConfigsResource;
use tansu_sans_io::incremental_alter_configs_response::AlterConfigsResourceResponse;
use tansu_sans_io::list_groups_response::ListedGroup;
use tansu_sans_io::record::deflated;
use tansu_sans_io::txn_offset_commit_response::TxnOffsetCommitResponseTopic;
use tansu_sans_io::{ConfigResource, ErrorCode, IsolationLevel, ListOffset, OpType, ScramMechanism};
use tansu_storage::{
    BrokerRegistrationRequest, Error, GroupDetail, ListOffsetResponse, MetadataResponse, NamedGroupDetail,
    OffsetCommitRequest, OffsetStage, ProducerIdResponse, Result, ScramCredential, Storage, StorageContainer, TopicId,
    Topition, TxnAddPartitionsRequest, TxnAddPartitionsResponse, TxnOffsetCommitRequest, UpdateError, Version,
};
use url::Url;
use uuid::Uuid;

use crate::broker::embedded::log::{Log, from_offset};

/// More than anyone rehearses with, and few enough that a slip of the hand does not fill the memory.
const MAX_PARTITIONS: i32 = 10_000;
/// Kafka's own limit for the name of a topic.
const MAX_NAME: usize = 249;

type Partitions = Vec<Arc<Mutex<Log>>>;

/// The storage of the embedded broker. Clones share what they keep.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    inner: StorageContainer,
    logs: Arc<RwLock<HashMap<String, Partitions>>>,
    producers: Arc<AtomicI64>,
}

impl Store {
    /// Keeps what is not a message in `inner`.
    pub(crate) fn new(inner: StorageContainer) -> Self {
        Self { inner, logs: Arc::default(), producers: Arc::default() }
    }

    fn log(&self, topition: &Topition) -> Result<Arc<Mutex<Log>>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        let partition = usize::try_from(topition.partition()).ok();
        partition
            .and_then(|partition| logs.get(topition.topic())?.get(partition).cloned())
            .ok_or(Error::Api(ErrorCode::UnknownTopicOrPartition))
    }

    fn with<T>(&self, topition: &Topition, look: impl FnOnce(&mut Log) -> T) -> Result<T> {
        let log = self.log(topition)?;
        // A log is changed in one step at its end, so one that a panic left behind is whole.
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(look(&mut log))
    }

    fn find(&self, topition: &Topition, wanted: &ListOffset) -> Result<ListOffsetResponse> {
        let (offset, timestamp) = self.with(topition, |log| match wanted {
            ListOffset::Earliest => (0, None),
            ListOffset::Latest => (log.end(), None),
            ListOffset::Timestamp(time) => {
                let time = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let found = log.since(i64::try_from(time).unwrap_or(i64::MAX));
                found.map_or((-1, None), |(offset, newest)| {
                    let newest = Duration::from_millis(u64::try_from(newest).unwrap_or(0));
                    (offset, Some(UNIX_EPOCH + newest))
                })
            }
        })?;
        Ok(ListOffsetResponse { error_code: ErrorCode::None, timestamp, offset: Some(offset) })
    }
}

fn is_valid_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= MAX_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn refused<T>(code: ErrorCode) -> Result<T> {
    Err(Error::Api(code))
}

#[async_trait]
impl Storage for Store {
    async fn create_topic(&self, topic: CreatableTopic, validate_only: bool) -> Result<Uuid> {
        if !is_valid_name(&topic.name) {
            return refused(ErrorCode::InvalidTopicException);
        }
        if !(1..=MAX_PARTITIONS).contains(&topic.num_partitions) {
            return refused(ErrorCode::InvalidPartitions);
        }
        if validate_only {
            let exists = self.logs.read().unwrap_or_else(PoisonError::into_inner).contains_key(&topic.name);
            return if exists { refused(ErrorCode::TopicAlreadyExists) } else { Ok(Uuid::nil()) };
        }
        let (name, partitions) = (topic.name.clone(), topic.num_partitions);
        let id = self.inner.create_topic(topic, validate_only).await?;
        let partitions = (0..partitions).map(|_| Arc::default()).collect();
        self.logs.write().unwrap_or_else(PoisonError::into_inner).insert(name, partitions);
        Ok(id)
    }

    async fn delete_topic(&self, topic: &TopicId) -> Result<ErrorCode> {
        let named = self.inner.metadata(Some(std::slice::from_ref(topic))).await?;
        let name = named.topics().first().and_then(|topic| topic.name.clone());
        let outcome = self.inner.delete_topic(topic).await?;
        if let Some(name) = name {
            self.logs.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
        }
        Ok(outcome)
    }

    async fn produce(&self, transaction_id: Option<&str>, topition: &Topition, batch: deflated::Batch) -> Result<i64> {
        if transaction_id.is_some() || batch.is_transactional() || batch.is_control() {
            return refused(ErrorCode::TransactionalIdAuthorizationFailed);
        }
        self.with(topition, |log| log.append(batch))?.map_err(Error::Api)
    }

    async fn fetch(
        &self,
        topition: &'_ Topition,
        offset: i64,
        _min_bytes: u32,
        max_bytes: u32,
        _isolation: IsolationLevel,
    ) -> Result<Vec<deflated::Batch>> {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        // An error here would cost the reader its connection, and with it all other topics.
        let mut batches = self.with(topition, |log| log.read(offset, max_bytes)).unwrap_or_default();
        if let Some(first) = batches.first_mut() {
            *first = from_offset(std::mem::take(first), offset).map_err(|_| Error::Api(ErrorCode::CorruptMessage))?;
        }
        Ok(batches)
    }

    async fn offset_stage(&self, topition: &Topition) -> Result<OffsetStage> {
        let end = self.with(topition, |log| log.end()).unwrap_or(0);
        let stage = serde_json::json!({ "last_stable": end, "high_watermark": end, "log_start": 0 });
        // Its fields are private, and this is the way in.
        serde_json::from_value(stage).map_err(|_| Error::Api(ErrorCode::UnknownServerError))
    }

    async fn list_offsets(
        &self,
        _isolation: IsolationLevel,
        offsets: &[(Topition, ListOffset)],
    ) -> Result<Vec<(Topition, ListOffsetResponse)>> {
        let answer = |(topition, wanted): &(Topition, ListOffset)| {
            let unknown = ListOffsetResponse {
                error_code: ErrorCode::UnknownTopicOrPartition,
                timestamp: None,
                offset: Some(-1),
            };
            (topition.clone(), self.find(topition, wanted).unwrap_or(unknown))
        };
        Ok(offsets.iter().map(answer).collect())
    }

    async fn init_producer(
        &self,
        transaction_id: Option<&str>,
        _transaction_timeout_ms: i32,
        producer_id: Option<i64>,
        producer_epoch: Option<i16>,
    ) -> Result<ProducerIdResponse> {
        if transaction_id.is_some() {
            return Ok(ProducerIdResponse { error: ErrorCode::TransactionalIdAuthorizationFailed, id: -1, epoch: -1 });
        }
        // A producer that lost count goes on with its next epoch.
        let next = producer_id.filter(|id| *id >= 0).zip(producer_epoch.and_then(|epoch| epoch.checked_add(1)));
        let (id, epoch) = next.unwrap_or_else(|| (self.producers.fetch_add(1, Ordering::Relaxed) + 1, 0));
        Ok(ProducerIdResponse { error: ErrorCode::None, id, epoch })
    }

    async fn incremental_alter_resource(&self, resource: AlterConfigsResource) -> Result<AlterConfigsResourceResponse> {
        // The inner storage would panic with a lock in its hand.
        let is_known = |operation: i8| matches!(OpType::try_from(operation), Ok(OpType::Set | OpType::Delete));
        if resource.configs.iter().flatten().any(|config| !is_known(config.config_operation)) {
            return refused(ErrorCode::InvalidConfig);
        }
        self.inner.incremental_alter_resource(resource).await
    }

    async fn delete_records(&self, _topics: &[DeleteRecordsTopic]) -> Result<Vec<DeleteRecordsTopicResult>> {
        refused(ErrorCode::UnsupportedVersion)
    }

    async fn txn_add_offsets(&self, _: &str, _: i64, _: i16, _: &str) -> Result<ErrorCode> {
        Ok(ErrorCode::TransactionalIdAuthorizationFailed)
    }

    async fn txn_add_partitions(&self, _: TxnAddPartitionsRequest) -> Result<TxnAddPartitionsResponse> {
        refused(ErrorCode::TransactionalIdAuthorizationFailed)
    }

    async fn txn_offset_commit(&self, _: TxnOffsetCommitRequest) -> Result<Vec<TxnOffsetCommitResponseTopic>> {
        refused(ErrorCode::TransactionalIdAuthorizationFailed)
    }

    async fn txn_end(&self, _: &str, _: i64, _: i16, _: bool) -> Result<ErrorCode> {
        Ok(ErrorCode::TransactionalIdAuthorizationFailed)
    }

    // From here on tansu's own.

    async fn register_broker(&self, registration: BrokerRegistrationRequest) -> Result<()> {
        self.inner.register_broker(registration).await
    }

    async fn brokers(&self) -> Result<Vec<DescribeClusterBroker>> {
        self.inner.brokers().await
    }

    async fn offset_commit(
        &self,
        group: &str,
        retention: Option<Duration>,
        offsets: &[(Topition, OffsetCommitRequest)],
    ) -> Result<Vec<(Topition, ErrorCode)>> {
        self.inner.offset_commit(group, retention, offsets).await
    }

    async fn offset_fetch(
        &self,
        group: Option<&str>,
        topics: &[Topition],
        require_stable: Option<bool>,
    ) -> Result<std::collections::BTreeMap<Topition, i64>> {
        self.inner.offset_fetch(group, topics, require_stable).await
    }

    async fn committed_offset_topitions(&self, group: &str) -> Result<std::collections::BTreeMap<Topition, i64>> {
        self.inner.committed_offset_topitions(group).await
    }

    async fn metadata(&self, topics: Option<&[TopicId]>) -> Result<MetadataResponse> {
        let response = self.inner.metadata(topics).await?;
        // A topic that is read by an id which is there no more. tansu would answer with a new leader for a topic without
        // an id, and that is a segmentation fault in librdkafka 2.12. An error ends the connection instead; the client
        // makes another, asks for the topic by its name, and is told.
        let is_gone = topics.into_iter().flatten().any(|topic| matches!(topic, TopicId::Id(_)))
            && response.topics().iter().any(|topic| topic.name.is_none());
        if is_gone { Err(Error::Api(ErrorCode::UnknownTopicId)) } else { Ok(response) }
    }

    async fn upsert_user_scram_credential(
        &self,
        user: &str,
        mechanism: ScramMechanism,
        credential: ScramCredential,
    ) -> Result<()> {
        self.inner.upsert_user_scram_credential(user, mechanism, credential).await
    }

    async fn delete_user_scram_credential(&self, user: &str, mechanism: ScramMechanism) -> Result<()> {
        self.inner.delete_user_scram_credential(user, mechanism).await
    }

    async fn user_scram_credential(&self, user: &str, mechanism: ScramMechanism) -> Result<Option<ScramCredential>> {
        self.inner.user_scram_credential(user, mechanism).await
    }

    async fn describe_config(
        &self,
        name: &str,
        resource: ConfigResource,
        keys: Option<&[String]>,
    ) -> Result<DescribeConfigsResult> {
        self.inner.describe_config(name, resource, keys).await
    }

    async fn list_groups(&self, states: Option<&[String]>) -> Result<Vec<ListedGroup>> {
        self.inner.list_groups(states).await
    }

    async fn delete_groups(&self, groups: Option<&[String]>) -> Result<Vec<DeletableGroupResult>> {
        self.inner.delete_groups(groups).await
    }

    async fn describe_groups(&self, groups: Option<&[String]>, operations: bool) -> Result<Vec<NamedGroupDetail>> {
        self.inner.describe_groups(groups, operations).await
    }

    async fn describe_topic_partitions(
        &self,
        topics: Option<&[TopicId]>,
        limit: i32,
        cursor: Option<Topition>,
    ) -> Result<Vec<DescribeTopicPartitionsResponseTopic>> {
        self.inner.describe_topic_partitions(topics, limit, cursor).await
    }

    async fn update_group(
        &self,
        group: &str,
        detail: GroupDetail,
        version: Option<Version>,
    ) -> Result<Version, UpdateError<GroupDetail>> {
        self.inner.update_group(group, detail, version).await
    }

    async fn maintain(&self, now: SystemTime) -> Result<()> {
        self.inner.maintain(now).await
    }

    async fn cluster_id(&self) -> Result<String> {
        self.inner.cluster_id().await
    }

    async fn node(&self) -> Result<i32> {
        self.inner.node().await
    }

    async fn advertised_listener(&self) -> Result<Url> {
        self.inner.advertised_listener().await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }
}
