"""The study of `windrow train` with LightGBM as a Python user would write it: a loop over the fits with joblib and two processes.

    own_loop.py STUDY.json LOSSES.json

The study names the batch files, the columns, the parameters of the model, and each fit with its windows and those on which it is
scored. pandas reads the files once, and each process keeps the windows that it has used. LOSSES.json gets the sum of the log-losses
of each fit on each of its windows.
"""

import json
import pathlib
import sys
import tempfile

import joblib
import pandas as pd

from own_work import work


def read(path, study):
    """Returns the labelled rows of a batch file: the features, and the labels in the column `label`."""
    text = {column: str for column in study["categorical"]}
    wanted = [*study["numeric"], *study["categorical"], study["target"], study["time"]]
    rows = pd.read_csv(path, usecols=wanted, dtype=text, keep_default_na=False, na_values=[""])
    rows = rows[rows[study["target"]].notna()]
    frame = rows[study["numeric"] + study["categorical"]].copy()
    when = pd.to_datetime(rows[study["time"]], format=study["format"])
    frame["hour"], frame["weekday"] = when.dt.hour, when.dt.isocalendar().day.astype("int32")
    frame["label"] = (rows[study["target"]] >= study["at_least"]).astype("int8")
    return frame


def main():
    study = json.loads(pathlib.Path(sys.argv[1]).read_text())
    frames = [read(path, study) for path in study["batches"]]
    whole = pd.concat(frames)
    for column in study["categorical"]:
        whole[column] = whole[column].astype("category")
    with tempfile.TemporaryDirectory() as name:
        folder, begin = pathlib.Path(name), 0
        for number, frame in enumerate(frames, 1):
            joblib.dump(whole.iloc[begin : begin + len(frame)], folder / f"{number}.pickle")
            begin += len(frame)
        del frames, whole
        tasks = (joblib.delayed(work)(folder, study, fit) for fit in study["fits"])
        found = joblib.Parallel(n_jobs=study["processes"])(tasks)
    pathlib.Path(sys.argv[2]).write_text(json.dumps({key: loss for losses in found for key, loss in losses.items()}))


if __name__ == "__main__":
    main()
