"""Compares what two binaries have made from the same batch files: models, losses and advice."""

import dataclasses
import json


@dataclasses.dataclass
class Difference:
    """The largest differences between two work directories, and the facts that must be equal but are not."""

    models: int = 0
    # Of a coefficient or an intercept, over all published models.
    coefficient: float = 0.0
    standard_error: float = 0.0
    # Of the sum of the losses in a block of a window, over all published models and those of the advice.
    loss: float = 0.0
    same_sentences: bool = False
    faults: list = dataclasses.field(default_factory=list)


def read(path):
    return json.loads(path.read_text())


def last_window(workdir):
    """Returns the number of windows of a stream that has ended."""
    return read(workdir / "batches/end.json")["windows"]


def models(workdir):
    return {path.parent.name: read(path) for path in (workdir / "models").glob("*/model.json")}


def advice(workdir):
    """Returns the sentences of the advice."""
    return read(workdir / "advice.json")["recommendation"]["sentences"]


def apart(one, other):
    """Returns the distance between two numbers that may be None, and infinity if only one of them is."""
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return abs(one - other)


def compare(before, after):
    """Compares the work directories of the two binaries."""
    found = Difference()
    compare_models(models(before), models(after), found)
    for folder in ("losses", "advice/losses"):
        compare_losses(before / folder, after / folder, found)
    sentences = [advice(workdir) for workdir in (before, after)]
    found.same_sentences = sentences[0] == sentences[1]
    if not found.same_sentences:
        differing = [sentence for sentence in sentences[0] if sentence not in sentences[1]]
        instead = [sentence for sentence in sentences[1] if sentence not in sentences[0]]
        found.faults.append(f"sentences of the advice before: {differing}; after: {instead}")
    return found


def lineage(model):
    """Returns the lineage of a model without the intercept and the slope of its recalibration, which are fitted."""
    recalibration = model["lineage"].get("recalibration") or {}
    fitted = ("intercept", "slope")
    return {**model["lineage"], "recalibration": {name: value for name, value in recalibration.items() if name not in fitted}}


def compare_models(before, after, found):
    if before.keys() != after.keys():
        found.faults.append(f"only one binary has the models {', '.join(sorted(before.keys() ^ after.keys()))}")
    for name in sorted(before.keys() & after.keys()):
        found.models += 1
        one, other = before[name], after[name]
        if lineage(one) != lineage(other) or one["verdict"] != other["verdict"]:
            found.faults.append(f"{name} has another lineage or verdict")
        if one["outcome"]["status"] != other["outcome"]["status"]:
            found.faults.append(f"{name} is {one['outcome']['status']} before and {other['outcome']['status']} after")
        elif one["outcome"]["status"] == "learned":
            compare_coefficients(name, one["outcome"], other["outcome"], found)


def compare_coefficients(name, one, other, found):
    if one["encoder"] != other["encoder"]:
        found.faults.append(f"{name} has another encoder")
    first, second = ([fit["intercept"], *fit["coefficients"]] for fit in (one, other))
    if [coefficient["name"] for coefficient in first] != [coefficient["name"] for coefficient in second]:
        found.faults.append(f"{name} has other coefficients")
        return
    for a, b in zip(first, second):
        found.coefficient = max(found.coefficient, apart(a["weight"], b["weight"]))
        found.standard_error = max(found.standard_error, apart(a["standard_error"], b["standard_error"]))


def compare_losses(before, after, found):
    names = [{path.name for path in folder.glob("window-*.json")} for folder in (before, after)]
    if names[0] != names[1]:
        found.faults.append(f"only one binary has {before.name} of {', '.join(sorted(names[0] ^ names[1]))}")
    for name in sorted(names[0] & names[1]):
        one, other = ({model["model"]: model["log_loss"] for model in read(folder / name)["models"]} for folder in (before, after))
        # The two binaries may compute the losses of other pairs for the advice.
        if before.parent.name != "advice" and one.keys() != other.keys():
            missing = ", ".join(sorted(one.keys() ^ other.keys()))
            found.faults.append(f"{before.name}/{name}: only one binary has losses of {missing}")
        for model in one.keys() & other.keys():
            found.loss = max(found.loss, *(apart(a, b) for a, b in zip(one[model], other[model])))
