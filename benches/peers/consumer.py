"""Reads a number of rows of a topic into a file with confluent-kafka, in batches, as its users do. Prints the seconds."""

import os
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

address, topic, rows, path = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
began = time.perf_counter()
consumer = Consumer({"bootstrap.servers": address, "group.id": "python", "fetch.queue.backoff.ms": 10})
consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
read = 0
with open(path, "wb") as out:
    while read < rows:
        for message in consumer.consume(10_000, 0.1):
            if message.error():
                sys.exit(str(message.error()))
            if message.value():
                out.write(message.value())
                out.write(b"\n")
                read += 1
    out.flush()
    os.fsync(out.fileno())
print(time.perf_counter() - began)
