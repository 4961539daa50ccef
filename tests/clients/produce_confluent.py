"""Sends the lines of a CSV file, except its header line, as messages with confluent-kafka: without keys and headers."""
import sys

from confluent_kafka import Producer

address, topic, path = sys.argv[1:4]
producer = Producer({"bootstrap.servers": address})
failed = []
with open(path, "rb") as lines:
    next(lines)
    for line in lines:
        while True:
            try:
                producer.produce(topic, value=line, on_delivery=lambda error, _: error and failed.append(error))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
left = producer.flush(30)
if left or failed:
    sys.exit(f"{left} messages not delivered, failures: {failed[:3]}")
