"""Steps of aiokafka (asyncio) against a broker."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from steps import check, main, step


def run(function):
    """Makes a step of a coroutine, with a time limit of one minute."""

    def whole(bootstrap, name):
        asyncio.run(asyncio.wait_for(function(bootstrap, name), 60))

    whole.__name__ = function.__name__
    return step(whole)


async def create(bootstrap, topic, partitions=1):
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    await client.create_topics([NewTopic(topic, partitions, 1)])
    await client.close()


async def send(bootstrap, topic, values, **config):
    sender = AIOKafkaProducer(bootstrap_servers=bootstrap, **config)
    await sender.start()
    found = [(await sender.send_and_wait(topic, value, partition=0)).offset for value in values]
    await sender.stop()
    return found


@run
async def messages_come_back_in_every_codec(bootstrap, name):
    for codec in [None, "gzip"]:
        topic = f"{name}-{codec}"
        await create(bootstrap, topic)
        values = [f"{codec} {number}".encode() for number in range(200)]
        check(await send(bootstrap, topic, values, compression_type=codec), list(range(200)))
        reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await reader.start()
        reader.assign([TopicPartition(topic, 0)])
        check([(await reader.getone()).value for _ in range(200)], values)
        await reader.stop()


@run
async def an_idempotent_producer_is_confirmed(bootstrap, name):
    await create(bootstrap, name)
    check(await send(bootstrap, name, [b"x"] * 100, enable_idempotence=True), list(range(100)))


@run
async def a_group_goes_on_where_it_committed(bootstrap, name):
    await create(bootstrap, name)
    await send(bootstrap, name, [str(number).encode() for number in range(20)])
    for first in [0, 10]:
        reader = AIOKafkaConsumer(
            name, bootstrap_servers=bootstrap, group_id=name, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await reader.start()
        check([(await reader.getone()).offset for _ in range(10)], list(range(first, first + 10)))
        await reader.commit()
        await reader.stop()


@run
async def a_waiting_consumer_is_woken(bootstrap, name):
    await create(bootstrap, name)
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=20_000)
    await reader.start()
    reader.assign([TopicPartition(name, 0)])
    await reader.seek_to_end()
    waiting = asyncio.create_task(reader.getone())
    await asyncio.sleep(0.5)
    await send(bootstrap, name, [b"now"])
    check((await asyncio.wait_for(waiting, 5)).value, b"now")
    await reader.stop()


if __name__ == "__main__":
    main()
