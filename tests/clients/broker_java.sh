#!/usr/bin/env bash
# Kafka's own tools on a broker: broker_java.sh FOLDER BOOTSTRAP, where FOLDER is that of a Kafka distribution.
set -u
bin=$1/bin
broker=$2
name=java-$$-$RANDOM
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
step() { # NAME PATTERN COMMAND...: the command's output must have the pattern
    local title=$1 pattern=$2 said
    shift 2
    said=$(timeout 60 "$@" 2>&1 </dev/null)
    if grep -qE -- "$pattern" <<<"$said"; then echo "ok $title"; else
        echo "FAILED $title: no '$pattern' in: $(tail -5 <<<"$said")"
        failed=1
    fi
}
to="--bootstrap-server $broker"

step topic_created "Created topic $name" "$bin/kafka-topics.sh" $to --create --topic "$name" --partitions 2 --config retention.ms=3600000
step topic_described "PartitionCount: 2.*retention.ms=3600000" "$bin/kafka-topics.sh" $to --describe --topic "$name"
step versions_listed "Produce\(0\): 0 to 1[0-9]" "$bin/kafka-broker-api-versions.sh" $to
step producer_measured "20000 records sent" "$bin/kafka-producer-perf-test.sh" --topic "$name" --num-records 20000 --record-size 100 --throughput -1 --producer-props bootstrap.servers=$broker acks=all
step consumer_measured ", 20000, " "$bin/kafka-consumer-perf-test.sh" $to --topic "$name" --messages 20000
step producer_verified '"acked":500' "$bin/kafka-verifiable-producer.sh" $to --topic "$name-v" --max-messages 500
step consumer_verified '"name":"shutdown_complete"' "$bin/kafka-verifiable-consumer.sh" $to --topic "$name-v" --group-id "$name-v" --max-messages 500 --reset-policy earliest
step console_produced "" bash -c "seq 1 100 | $bin/kafka-console-producer.sh $to --topic $name-c"
step console_consumed "Processed a total of 100 messages" "$bin/kafka-console-consumer.sh" $to --topic "$name-c" --from-beginning --max-messages 100 --group "$name-c"
step newer_group_protocol "Processed a total of 100 messages" "$bin/kafka-console-consumer.sh" $to --topic "$name-c" --from-beginning --max-messages 100 --group "$name-n" --command-property group.protocol=consumer
step static_member "Processed a total of 100 messages" "$bin/kafka-console-consumer.sh" $to --topic "$name-c" --from-beginning --max-messages 100 --group "$name-s" --command-property group.instance.id=one
step groups_listed "$name-n" "$bin/kafka-consumer-groups.sh" $to --list
step group_described "$name-c +$name-c +0 +100 +100 +0" "$bin/kafka-consumer-groups.sh" $to --describe --group "$name-c"
step group_of_newer_protocol_described "$name-n +$name-c +0 +100 +100 +0" "$bin/kafka-consumer-groups.sh" $to --describe --group "$name-n"
step offsets_reset "$name-c +$name-c +0 +10" "$bin/kafka-consumer-groups.sh" $to --group "$name-c" --topic "$name-c" --reset-offsets --to-offset 10 --execute
step group_deleted "successful" "$bin/kafka-consumer-groups.sh" $to --delete --group "$name-c"
step partitions_added "" "$bin/kafka-topics.sh" $to --alter --topic "$name" --partitions 4
step partitions_are_there "PartitionCount: 4" "$bin/kafka-topics.sh" $to --describe --topic "$name"
step ends_told "$name-c:0:100" "$bin/kafka-get-offsets.sh" $to --topic "$name-c"
step newest_told "$name-c:0:[0-9]+" "$bin/kafka-get-offsets.sh" $to --topic "$name-c" --time max-timestamp
step setting_changed "Completed updating config" "$bin/kafka-configs.sh" $to --alter --entity-type topics --entity-name "$name" --add-config max.message.bytes=4000
step setting_told "max.message.bytes=4000" "$bin/kafka-configs.sh" $to --describe --entity-type topics --entity-name "$name"
echo "{\"version\":1,\"partitions\":[{\"topic\":\"$name-c\",\"partition\":0,\"offset\":40}]}" >"$work/delete.json"
step records_deleted "low_watermark: 40" "$bin/kafka-delete-records.sh" $to --offset-json-file "$work/delete.json"
step start_told "$name-c:0:40" "$bin/kafka-get-offsets.sh" $to --topic "$name-c" --time earliest
step folders_described "\"partition\":\"$name-c-0\",\"size\":[1-9]" "$bin/kafka-log-dirs.sh" $to --describe --topic-list "$name-c"
step topic_deleted "" "$bin/kafka-topics.sh" $to --delete --topic "$name"
step topic_is_gone "does not exist" "$bin/kafka-topics.sh" $to --describe --topic "$name"
exit $failed
