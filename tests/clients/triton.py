"""Requests predictions with Triton's client of the Open Inference Protocol, in JSON and in binary form. Prints the probabilities.

    triton.py HOST:PORT MODEL ROWS.json
"""

import json
import sys

import numpy as np
import tritonclient.http as triton

address, model, path = sys.argv[1:]
rows = json.load(open(path))
client = triton.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
assert client.get_server_metadata()["name"] == "windrow"
metadata = client.get_model_metadata(model)
answers = []
for binary in (False, True):
    inputs = []
    for tensor in metadata["inputs"]:
        cells = [row[tensor["name"]] for row in rows]
        if tensor["datatype"] == "FP64":
            data = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        else:
            data = np.array([(cell or "").encode() for cell in cells], dtype=np.object_)
        given = triton.InferInput(tensor["name"], data.shape, tensor["datatype"])
        if binary or tensor["datatype"] == "BYTES":
            given.set_data_from_numpy(data, binary_data=binary)
        else:
            # The client cannot write NaN as JSON, so a row without a missing cell is sent instead.
            given.set_data_from_numpy(np.nan_to_num(data) if not binary else data, binary_data=False)
        inputs.append(given)
    result = client.infer(model, inputs, request_id="a-request")
    assert result.get_response()["id"] == "a-request"
    answers.append(result.as_numpy("probability").tolist())
    assert result.as_numpy("label").dtype == bool
# The client requests outputs in binary form by default; each output can have its own form.
outputs = [
    triton.InferRequestedOutput("probability", binary_data=True),
    triton.InferRequestedOutput("label", binary_data=False),
]
result = client.infer(model, inputs, outputs=outputs)
assert result.as_numpy("probability").tolist() == answers[1] and result.as_numpy("label").dtype == bool
assert "data" not in result.get_output("probability") and "data" in result.get_output("label")
# Only the version that a model announces is served.
(version,) = metadata["versions"]
assert client.is_model_ready(model, version) and not client.is_model_ready(model, "1")
assert client.get_model_metadata(model, version)["versions"] == [version]
result = client.infer(model, inputs, model_version=version)
assert result.get_response()["model_version"] == version and result.as_numpy("probability").tolist() == answers[1]
try:
    client.infer(model, [])
    sys.exit("a request without tensors was answered")
except triton.InferenceServerException as error:
    assert "is missing" in error.message(), error.message()
print(json.dumps(answers[1]))
