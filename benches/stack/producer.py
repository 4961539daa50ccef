import sys

from kafka import KafkaProducer

path, broker = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=broker)
with open(path) as file:
    next(file)
    for line in file:
        producer.send("flights", line.rstrip("\n").encode())
producer.flush()
