"""Generates a client from a server's API document with openapi-python-client, requests a prediction, and prints the probability.

    generated.py URL MODEL ROW.json FOLDER
"""

import json
import subprocess
import sys
from pathlib import Path

url, model, path, folder = sys.argv[1:]
row = json.load(open(path))
generator = Path(sys.executable).with_name("openapi-python-client")
subprocess.run(
    [generator, "generate", "--url", f"{url}/openapi.json", "--meta", "none", "--output-path", f"{folder}/windrow_client"],
    check=True, stdout=sys.stderr,
)
sys.path.insert(0, folder)
name = model.replace("-", "_")
from importlib import import_module

client = import_module("windrow_client").Client(base_url=url)
models = import_module("windrow_client.models")
tag = import_module(f"windrow_client.api.{name}.predict_{name}")
kind = getattr(models, "Row" + "".join(part.capitalize() for part in name.split("_")))
answer = tag.sync(client=client, body=kind.from_dict(row))
assert answer.model == model, answer
print(json.dumps(answer.probability))
