"""Steps of kafka-python (pure Python) against a broker."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from steps import check, main, step, until


def create(bootstrap, topic, partitions=1):
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    client.create_topics([NewTopic(topic, partitions, 1)])
    client.close()


def send(bootstrap, topic, values, partition=0, **config):
    sender = KafkaProducer(bootstrap_servers=bootstrap, **config)
    results = [sender.send(topic, value, partition=partition) for value in values]
    sender.flush(20)
    found = [result.get(20).offset for result in results]
    sender.close()
    return found


def consumer(bootstrap, group=None, **config):
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "group_id": group}
    return KafkaConsumer(bootstrap_servers=bootstrap, **(settings | config))


def read(reader, count):
    found = []

    def more():
        for messages in reader.poll(timeout_ms=200).values():
            found.extend(messages)
        return len(found) >= count

    until(more, f"{count} messages")
    return found


@step
def messages_come_back_in_every_codec(bootstrap, name):
    for codec in [None, "gzip"]:
        topic = f"{name}-{codec}"
        create(bootstrap, topic)
        values = [f"{codec} {number}".encode() for number in range(1_000)]
        check(send(bootstrap, topic, values, compression_type=codec), list(range(1_000)), "offsets")
        reader = consumer(bootstrap)
        reader.assign([TopicPartition(topic, 0)])
        check([message.value for message in read(reader, 1_000)], values)
        reader.close()


@step
def offsets_are_found_by_time_and_at_the_ends(bootstrap, name):
    create(bootstrap, name)
    sender = KafkaProducer(bootstrap_servers=bootstrap)
    for number in range(50):
        sender.send(name, b"x", partition=0, timestamp_ms=1_000 + number)
    sender.flush(20)
    sender.close()
    reader = consumer(bootstrap)
    partition = TopicPartition(name, 0)
    check(reader.offsets_for_times({partition: 1_020})[partition].offset, 20)
    check((reader.beginning_offsets([partition])[partition], reader.end_offsets([partition])[partition]), (0, 50))
    reader.assign([partition])
    reader.seek(partition, 45)
    check([message.offset for message in read(reader, 5)], [45, 46, 47, 48, 49])
    reader.close()


@step
def a_group_of_two_shares_and_commits(bootstrap, name):
    create(bootstrap, name, 4)
    for partition in range(4):
        send(bootstrap, name, [b"x"] * 20, partition)
    members = [consumer(bootstrap, name, session_timeout_ms=6000, heartbeat_interval_ms=500) for _ in range(2)]
    for member in members:
        member.subscribe([name])
    count = [0]

    def turn():
        for member in members:
            for messages in member.poll(timeout_ms=50).values():
                count[0] += len(messages)
        return [len(member.assignment()) for member in members]

    until(lambda: turn() == [2, 2], "two partitions each", 40)
    until(lambda: turn() and count[0] >= 80, "all messages")
    for member in members:
        member.commit()
    members.pop().close()
    until(lambda: turn() == [4], "all for one", 40)
    check([members[0].committed(TopicPartition(name, partition)) for partition in range(4)], [20] * 4)
    members.pop().close()


@step
def topics_and_groups_are_administered(bootstrap, name):
    create(bootstrap, name, 2)
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    check(name in client.list_topics(), True)
    client.delete_topics([name])
    until(lambda: name not in client.list_topics(), "its end")
    client.close()


if __name__ == "__main__":
    main()
