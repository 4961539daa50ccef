"""Sends the rows of a CSV file as JSON objects with kafka-python, then Windrow's end marker."""
import csv
import json
import sys

from kafka import KafkaProducer

address, topic, path = sys.argv[1:4]
producer = KafkaProducer(bootstrap_servers=address, value_serializer=lambda row: json.dumps(row).encode())
sent = []
with open(path, newline="") as file:
    for row in csv.DictReader(file):
        sent.append(producer.send(topic, value=row))
producer.flush()
for future in sent:
    future.get(timeout=30)
end = KafkaProducer(bootstrap_servers=address)
end.send(topic, value=b"", headers=[("windrow-end", b"")]).get(timeout=30)
