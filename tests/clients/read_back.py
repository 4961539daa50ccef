"""Counts the rows of a topic with both clients. Prints the number of rows that each has read before the end marker."""
import sys

from confluent_kafka import Consumer
from kafka import KafkaConsumer

address, topic = sys.argv[1:3]


def is_end(headers):
    return any(name == "windrow-end" for name, _ in headers or [])


confluent = Consumer({"bootstrap.servers": address, "group.id": "confluent", "auto.offset.reset": "earliest"})
confluent.subscribe([topic])
rows = 0
while True:
    message = confluent.poll(30)
    if message is None or message.error():
        sys.exit(f"confluent-kafka: {message and message.error()} after {rows} rows")
    if is_end(message.headers()):
        break
    rows += 1
confluent.close()
print(f"confluent-kafka {rows}")

rows = 0
for message in KafkaConsumer(
    topic, bootstrap_servers=address, group_id="kafka-python", auto_offset_reset="earliest", consumer_timeout_ms=30000
):
    if is_end(message.headers):
        break
    rows += 1
print(f"kafka-python {rows}")
