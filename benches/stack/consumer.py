import csv
import os
import sys

from kafka import KafkaConsumer

header_file, broker, folder, length = sys.argv[1:]
with open(header_file) as file:
    header = next(csv.reader(file))

consumer = KafkaConsumer(
    "flights",
    bootstrap_servers=broker,
    group_id="flights",
    auto_offset_reset="earliest",
    consumer_timeout_ms=10_000,
)
os.makedirs(folder, exist_ok=True)


def write(window, rows):
    with open(f"{folder}/{window}.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(rows)
    print("window", window, len(rows), flush=True)


window, rows = None, []
for message in consumer:
    row = next(csv.reader([message.value.decode()]))
    month = row[0][: int(length)]
    if month != window and rows:
        write(window, rows)
        rows = []
    window = month
    rows.append(row)
if rows:
    write(window, rows)
