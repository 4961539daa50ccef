"""Steps of confluent-kafka (current librdkafka) against a broker."""

import functools
import os
import signal
import subprocess
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import TIMESTAMP_CREATE_TIME
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from steps import check, main, step, until


@functools.cache
def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


def create(bootstrap, topic, partitions=1, **config):
    futures = admin(bootstrap).create_topics([NewTopic(topic, partitions, 1, config=config)])
    futures[topic].result(20)


def producer(bootstrap, **config):
    return Producer({"bootstrap.servers": bootstrap, "linger.ms": 5} | {k.replace("_", "."): v for k, v in config.items()})


def send(bootstrap, topic, values, partition=None, **config):
    """Sends values and waits for their confirmations. Returns the offsets."""
    offsets, faults = [], []

    def confirmed(error, message):
        if error:
            faults.append(error)
        else:
            offsets.append(message.offset())

    sender = producer(bootstrap, **config)
    for value in values:
        options = {} if partition is None else {"partition": partition}
        while True:
            try:
                sender.produce(topic, value=value, on_delivery=confirmed, **options)
                break
            except BufferError:
                sender.poll(0.1)
        sender.poll(0)
    check(sender.flush(20), 0, "unconfirmed messages")
    check(faults, [], "faults")
    return offsets


def consumer(bootstrap, group, **config):
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 5000,
    }
    return Consumer(settings | {k.replace("_", "."): v for k, v in config.items()})


def read(reader, count, limit=20):
    found, deadline = [], time.monotonic() + limit
    while len(found) < count and time.monotonic() < deadline:
        message = reader.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        found.append(message)
    check(len(found), count, "messages")
    return found


def read_all(bootstrap, topic, count, partition=0, start=0):
    reader = consumer(bootstrap, topic)
    reader.assign([TopicPartition(topic, partition, start)])
    found = read(reader, count)
    reader.close()
    return found


@step
def topics_are_made_described_grown_and_deleted(bootstrap, name):
    create(bootstrap, name, 3, **{"retention.ms": "86400000"})
    client = admin(bootstrap)
    metadata = client.list_topics(name, timeout=10).topics[name]
    check((metadata.error, sorted(metadata.partitions)), (None, [0, 1, 2]))
    try:
        create(bootstrap, name)
        raise AssertionError("made twice")
    except KafkaException as error:
        check(error.args[0].code(), KafkaError.TOPIC_ALREADY_EXISTS)
    client.create_partitions([NewPartitions(name, 5)])[name].result(20)
    check(len(client.list_topics(name, timeout=10).topics[name].partitions), 5)
    client.delete_topics([name])[name].result(20)
    watcher = consumer(bootstrap, name)
    until(lambda: name not in watcher.list_topics(timeout=10).topics, "its end")
    watcher.close()


@step
def messages_come_back_as_they_were_sent(bootstrap, name):
    create(bootstrap, name)
    sender = producer(bootstrap)
    for number in range(10_000):
        value = None if number % 1000 == 7 else f"value {number}".encode()
        sender.produce(
            name, key=str(number), value=value, headers=[("n", str(number).encode()), ("n", None)], timestamp=1_000_000 + number
        )
        sender.poll(0)
    check(sender.flush(20), 0)
    for number, message in enumerate(read_all(bootstrap, name, 10_000)):
        value = None if number % 1000 == 7 else f"value {number}".encode()
        check((message.offset(), message.key(), message.value()), (number, str(number).encode(), value))
        check(message.headers(), [("n", str(number).encode()), ("n", None)])
        check(message.timestamp(), (TIMESTAMP_CREATE_TIME, 1_000_000 + number))


@step
def every_codec_is_kept_as_it_is(bootstrap, name):
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        topic = f"{name}-{codec}"
        create(bootstrap, topic)
        values = [f"{codec} {number % 10}".encode() * 10 for number in range(2_000)]
        send(bootstrap, topic, values, compression_type=codec)
        check([message.value() for message in read_all(bootstrap, topic, 2_000)], values, codec)


@step
def acknowledgements_none_one_and_all(bootstrap, name):
    create(bootstrap, name)
    for acks in [1, "all"]:
        send(bootstrap, name, [b"x"] * 100, acks=acks)
    sender = producer(bootstrap, acks=0)
    for _ in range(100):
        sender.produce(name, b"y")
    check(sender.flush(20), 0)
    until(lambda: ends(bootstrap, name)[1] == 300, "all of them")


def ends(bootstrap, topic, partition=0):
    reader = consumer(bootstrap, topic)
    found = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    reader.close()
    return found


@step
def an_idempotent_producer_keeps_order(bootstrap, name):
    create(bootstrap, name, 2)
    for round in range(3):
        send(bootstrap, name, [str(number).encode() for number in range(1_000)], 1, enable_idempotence=True)
    found = [int(message.value()) for message in read_all(bootstrap, name, 3_000, 1)]
    check(found, list(range(1_000)) * 3)


@step
def times_lead_to_the_exact_message(bootstrap, name):
    create(bootstrap, name)
    for codec in ["none", "zstd"]:
        sender = producer(bootstrap, compression_type=codec, linger_ms=500)
        for number in range(100):
            sender.produce(name, b"x" * 50, timestamp=1_000 * (number + (100 if codec == "zstd" else 0)) + 1)
        sender.flush(20)
    reader = consumer(bootstrap, name)
    for wanted, offset in [(0, 0), (1, 0), (2, 1), (42_000, 42), (150_001, 150), (150_002, 151), (200_000, -1)]:
        found = reader.offsets_for_times([TopicPartition(name, 0, wanted)], timeout=10)[0].offset
        check(found, offset if offset >= 0 else found, f"the message at {wanted}")
        if offset < 0 and found not in (-1, 200):
            raise AssertionError(f"after the end: {found}")
    reader.close()
    spec = {TopicPartition(name, 0): OffsetSpec.max_timestamp()}
    check(list(admin(bootstrap).list_offsets(spec).values())[0].result(20).offset, 199, "the newest")


@step
def a_waiting_consumer_is_woken(bootstrap, name):
    create(bootstrap, name)
    reader = consumer(bootstrap, name)
    reader.assign([TopicPartition(name, 0, 0)])
    check(reader.poll(1.0), None)
    sender = producer(bootstrap, linger_ms=0)
    for number in range(5):
        began = time.monotonic()
        sender.produce(name, str(number))
        sender.flush(10)
        read(reader, 1)
        took = time.monotonic() - began
        if took > 1.0:
            raise AssertionError(f"took {took:.2f} s")
    reader.close()


# The errors of a commit while members change. The next owner of the partition reads the messages again.
MEANWHILE = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.STALE_MEMBER_EPOCH,
}


def commit(member, **what):
    try:
        member.commit(asynchronous=False, **what)
        return True
    except KafkaException as error:
        # No offset to commit counts as success.
        if error.args[0].code() == KafkaError._NO_OFFSET:
            return True
        if error.args[0].code() not in MEANWHILE:
            raise
        return False


def group_shares(bootstrap, name, **config):
    """Three members share six partitions. One closes and one is killed. The last one then reads all partitions from the commits."""
    create(bootstrap, name, 6)
    for partition in range(6):
        send(bootstrap, name, [f"{partition} {number}".encode() for number in range(100)], partition)
    members = [consumer(bootstrap, name, **config) for _ in range(2)]
    for member in members:
        member.subscribe([name])
    code = (
        "import sys; sys.path.insert(0, %r)\n"
        "from broker_confluent import consumer\n"
        "reader = consumer(%r, %r, **%r)\nreader.subscribe([%r])\n"
        "while True:\n    reader.poll(0.2)\n"
    ) % (os.path.dirname(os.path.abspath(__file__)), bootstrap, name, config, name)
    third = subprocess.Popen([sys.executable, "-c", code])
    seen = set()

    def turn():
        for member in members:
            message = member.poll(0.02)
            if message is not None and not message.error():
                seen.add(message.value())
                commit(member, message=message)
        return [len(member.assignment()) for member in members]

    until(lambda: turn() == [2, 2], "two partitions each", 40)
    third.send_signal(signal.SIGKILL)
    third.wait()
    members.pop().close()
    until(lambda: turn() == [6], "all for one", 60)
    until(lambda: turn() and len(seen) == 600, "all messages", 30)
    until(lambda: turn() and commit(members[0]), "a commit of all", 30)
    last = consumer(bootstrap, name, **config)
    committed = last.committed([TopicPartition(name, partition) for partition in range(6)], timeout=10)
    check([partition.offset for partition in committed], [100] * 6, "committed")
    last.close()
    members.pop().close()


@step
def a_group_goes_on_when_members_leave_and_are_killed(bootstrap, name):
    group_shares(bootstrap, name, session_timeout_ms=6000)


@step
def a_cooperative_group_too(bootstrap, name):
    group_shares(bootstrap, name, session_timeout_ms=6000, partition_assignment_strategy="cooperative-sticky")


@step
def the_newer_group_protocol(bootstrap, name):
    create(bootstrap, name, 4)
    for partition in range(4):
        send(bootstrap, name, [b"x"] * 50, partition)
    members = [consumer(bootstrap, name, group_protocol="consumer") for _ in range(2)]
    for member in members:
        member.subscribe([name])
    count = [0]

    def turn():
        for member in members:
            message = member.poll(0.05)
            if message is not None and not message.error():
                count[0] += 1
                commit(member, message=message)
        return [len(member.assignment()) for member in members]

    until(lambda: turn() == [2, 2], "two partitions each", 40)
    members.pop().close()
    until(lambda: turn() == [4], "all for one", 40)
    until(lambda: turn() and count[0] >= 200, "all messages", 30)
    description = admin(bootstrap).describe_consumer_groups([name])[name].result(20)
    check((description.state.name, len(description.members)), ("STABLE", 1))
    members.pop().close()


@step
def static_members_keep_their_partitions(bootstrap, name):
    create(bootstrap, name, 2)
    one = consumer(bootstrap, name, group_instance_id="one", session_timeout_ms=30000)
    two = consumer(bootstrap, name, group_instance_id="two", session_timeout_ms=30000)
    generations = []
    one.subscribe([name], on_assign=lambda _, partitions: generations.append(len(partitions)))
    two.subscribe([name])
    until(lambda: [one.poll(0.05), two.poll(0.05), [len(one.assignment()), len(two.assignment())] == [1, 1]][2], "one each", 40)
    before, rounds = [assigned.partition for assigned in two.assignment()], len(generations)
    two.close()
    two = consumer(bootstrap, name, group_instance_id="two", session_timeout_ms=30000)
    two.subscribe([name])
    until(lambda: [one.poll(0.05), two.poll(0.05), len(two.assignment()) == 1][2], "the same again", 20)
    check([assigned.partition for assigned in two.assignment()], before)
    check(len(generations), rounds, "assignments of the other")
    one.close()
    two.close()


@step
def commits_bear_metadata_and_are_deleted_with_the_group(bootstrap, name):
    create(bootstrap, name)
    send(bootstrap, name, [b"x"] * 10)
    reader = consumer(bootstrap, name)
    reader.commit(offsets=[TopicPartition(name, 0, 4, "half way")], asynchronous=False)
    found = reader.committed([TopicPartition(name, 0)], timeout=10)[0]
    check((found.offset, found.metadata), (4, "half way"))
    reader.subscribe([name])
    check(read(reader, 1)[0].offset(), 4)
    reader.close()
    client = admin(bootstrap)
    listed = client.list_consumer_groups().result(20)
    check([group.group_id for group in listed.valid if group.group_id == name], [name])
    group_offsets = ConsumerGroupTopicPartitions(name, [TopicPartition(name, 0, 7)])
    client.alter_consumer_group_offsets([group_offsets])[name].result(20)
    offsets = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result(20)
    check([partition.offset for partition in offsets.topic_partitions], [7])
    client.delete_consumer_groups([name])[name].result(20)
    listed = client.list_consumer_groups().result(20)
    check([group.group_id for group in listed.valid if group.group_id == name], [])


@step
def settings_take_effect(bootstrap, name):
    create(bootstrap, name)
    client = admin(bootstrap)
    entry = ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    list(client.incremental_alter_configs([resource]).values())[0].result(20)
    found = list(client.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values())[0].result(20)
    check(found["max.message.bytes"].value, "2000")
    send(bootstrap, name, [b"x" * 1000])
    faults = []
    sender = producer(bootstrap)
    sender.produce(name, b"x" * 3000, on_delivery=lambda error, _: faults.append(error.code()))
    sender.flush(20)
    check(faults, [KafkaError.MSG_SIZE_TOO_LARGE])


@step
def deleted_messages_are_gone(bootstrap, name):
    create(bootstrap, name)
    send(bootstrap, name, [b"x"] * 100)
    deleted = admin(bootstrap).delete_records([TopicPartition(name, 0, 40)])
    check(list(deleted.values())[0].result(20).low_watermark, 40)
    check(ends(bootstrap, name), (40, 100))
    reader = consumer(bootstrap, name)
    reader.assign([TopicPartition(name, 0, 10)])
    check(read(reader, 60)[0].offset(), 40, "the first that is left")
    reader.close()


@step
def topics_appear_when_they_are_written_to(bootstrap, name):
    send(bootstrap, name, [b"x"])
    check(ends(bootstrap, name), (0, 1))


@step
def the_cluster_is_described(bootstrap, name):
    found = admin(bootstrap).describe_cluster().result(20)
    check(len(found.nodes) >= 1 and bool(found.cluster_id), True)


if __name__ == "__main__":
    main()
