"""Checks the optimum of published models with numpy, from the model files and the batch files only.

    optimum.py PIPELINE.toml WORKDIR [MODEL ...]      all fitted models of the folder `models` without names

For each model it reads the rows of the model's windows, and builds the columns that the names of the coefficients ask for. It then
sums the objective

    sum_i log(1 + exp(-s_i (w.x_i + b))) + l2/2 |w|^2

and its gradient at the published coefficients. Also checks what the model learned about its columns: each standardised number
has the mean 0 and the deviation 1 (all cells equal: 0), the texts with a column are those in at least `min_count` rows, and the
batch files are those of the lineage. A window is read once for all models, so memory does not grow with the rows.

Prints one JSON object: for each model the rows, the columns, the largest absolute component of the gradient per row, the
objective, the values that the model file reports, and the faults found.
"""

import collections
import hashlib
import json
import pathlib
import sys
import tomllib

import numpy as np
import pandas as pd

# The largest absolute value of a standardised number.
LARGEST_CELL = 1e150
# A standardised column may differ from the mean 0 and the deviation 1 by this much.
STANDARD_TOLERANCE = 1e-8


def texts(value):
    """Returns a key of a pipeline file that is a text or a list of texts as a list."""
    return [value] if isinstance(value, str) else list(value)


class Pipeline:
    """The keys of a pipeline file that decide what a cell means."""

    def __init__(self, path):
        keys = tomllib.loads(path.read_text())
        dataset = keys.get("dataset", {})
        unknown = [key for key in ("numbers", "replace", "days_since", "decimal") if dataset.get(key)]
        if unknown:
            sys.exit(f"{path}: dataset.{unknown[0]} is not supported here")
        self.null = texts(dataset.get("null", [""]))
        self.time = dataset.get("time", {}).get("column")
        self.target = keys["target"]
        self.min_count = max(keys.get("features", {}).get("min_count", 50), 1)

    def labels(self, frame):
        """Returns which rows are positive, and which rows have a target."""
        cells = frame[self.target["column"]]
        known = ~cells.isin(self.null).to_numpy()
        [(rule, value)] = [(key, value) for key, value in self.target.items() if key != "column"]
        if rule in ("equals", "one_of"):
            return cells.isin(texts(value)).to_numpy(), known
        numbers = parsed(cells, known)
        compare = {"at_least": np.greater_equal, "above": np.greater, "at_most": np.less_equal, "below": np.less}
        return compare[rule](numbers, value), known


def parsed(cells, known):
    """Returns the cells as numbers. Python's float rounds correctly."""
    numbers = np.full(len(cells), np.nan)
    numbers[known] = [float(text) for text in cells[known]]
    return numbers


class Window:
    """The rows of a batch file that have a target, with each column read at most once."""

    def __init__(self, path, pipeline):
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)
        positive, known = pipeline.labels(frame)
        self.pipeline, self.frame, self.positive = pipeline, frame[known], positive[known]
        self.read = {}

    def number(self, column, log):
        key = (column, log)
        if key not in self.read:
            cells = self.frame[column]
            numbers = parsed(cells, ~cells.isin(self.pipeline.null).to_numpy())
            self.read[key] = np.log1p(numbers) if log else numbers
        return self.read[key]

    def levels(self, feature):
        """Returns the distinct texts of a one-hot feature, None for a missing cell, and the index of each row's text."""
        encoding = feature["encoding"]
        part = encoding.get("part")
        key = (feature["column"], part)
        if key not in self.read:
            cells = self.frame[self.pipeline.time if part else feature["column"]]
            codes, values = pd.factorize(cells)
            values = [None if text in self.pipeline.null else text for text in values]
            if part:
                present = [text for text in values if text is not None]
                times = calendar(pd.to_datetime(pd.Series(present), format=encoding["format"]), part)
                by_text = dict(zip(present, times))
                # Many times have the same part, so the parts get indices of their own.
                parts = [by_text.get(text) for text in values]
                values = list(dict.fromkeys(parts))
                index = {part: at for at, part in enumerate(values)}
                codes = np.array([index[part] for part in parts], dtype=int)[codes]
            self.read[key] = (values, codes)
        return self.read[key]


def calendar(times, part):
    """Returns a part of each time as text: the hour from 0, the weekday from 1 (Monday), the month from 1."""
    numbers = {"hour": times.dt.hour, "weekday": times.dt.isocalendar().day, "month": times.dt.month}[part]
    return [str(number) for number in numbers]


class Model:
    """A published model, and the sums over the rows of its windows so far."""

    def __init__(self, artifact):
        self.artifact, self.learned = artifact, artifact["outcome"]
        weights = self.learned["coefficients"]
        self.place = {coefficient["name"]: index for index, coefficient in enumerate(weights)}
        self.weights = np.array([coefficient["weight"] for coefficient in weights])
        self.intercept = self.learned["intercept"]["weight"]
        self.slopes, self.intercept_slope = np.zeros(len(weights)), 0.0
        self.loss, self.rows = 0.0, 0
        self.counts = collections.defaultdict(collections.Counter)
        self.moments = collections.defaultdict(lambda: np.zeros(2))
        self.faults = []
        if len(self.place) != len(weights):
            self.faults.append("two coefficients have the same name")

    def windows(self):
        return [entry["window"] for entry in self.artifact["lineage"]["windows"]]

    def add(self, number, window):
        """Adds the rows of a window to the sums."""
        entry = next(entry for entry in self.artifact["lineage"]["windows"] if entry["window"] == number)
        if entry["sha256"] != window.sha256:
            self.faults.append(f"window {number} has another sha256 than in the lineage")
        rows = len(window.positive)
        z, columns = np.full(rows, self.intercept), []
        for feature in self.learned["encoder"]["features"]:
            encoding, column = feature["encoding"], feature["column"]
            if encoding["kind"] == "number":
                x = self.standardised(window, column, encoding)
                place = self.place[f"log({column})" if encoding["log"] else column]
                z += self.weights[place] * x
                columns.append((place, x))
            else:
                values, codes = window.levels(feature)
                name = encoding.get("part", column)
                # Several texts may mean a missing cell, so a value can occur twice.
                for value, count in zip(values, np.bincount(codes, minlength=len(values)).tolist()):
                    self.counts[name][value] += count
                places = np.array([self.level(name, value) for value in values], dtype=int)
                z += self.weights[places][codes]
                columns.append((places, codes))
        # log(1 + exp(-z)) for a positive row, log(1 + exp(z)) for another one.
        self.loss += np.logaddexp(0.0, np.where(window.positive, -z, z)).sum()
        residual = np.exp(-np.logaddexp(0.0, -z)) - window.positive
        self.intercept_slope += residual.sum()
        for place, cells in columns:
            if isinstance(place, int):
                self.slopes[place] += residual @ cells
            else:
                np.add.at(self.slopes, place, np.bincount(cells, weights=residual, minlength=len(place)))
        self.rows += rows

    def standardised(self, window, column, encoding):
        x = window.number(column, encoding["log"])
        x = np.where(np.isnan(x), encoding["missing"], x)
        x = np.clip((x - encoding["mean"]) / encoding["deviation"], -LARGEST_CELL, LARGEST_CELL)
        self.moments[column] += x.sum(), x @ x
        return x

    def level(self, name, value):
        """Returns the column of a text. A text without a column has that of the other texts."""
        own = f"{name}=(missing)" if value is None else f"{name}={value}"
        other = self.place[f"{name}=(other)"]
        return self.place.get(own, other)

    def result(self, pipeline):
        """Returns the gradient and the objective next to those in the model file."""
        solver = self.learned["solver"]
        l2 = solver["l2"]
        slopes = np.abs(self.slopes + l2 * self.weights)
        largest = max(slopes.max(initial=0.0), abs(self.intercept_slope))
        self.check_columns(pipeline)
        lineage = self.artifact["lineage"]
        return {
            "model": self.artifact["id"],
            "rows": self.rows,
            "columns": len(self.weights),
            "gradient": largest / max(self.rows, 1),
            "objective": self.loss + 0.5 * l2 * float(self.weights @ self.weights),
            "reported_gradient": solver["gradient_norm"],
            "reported_objective": solver["objective"],
            "faults": self.faults + ([] if self.rows == lineage["fit_rows"] else [f"it reports {lineage['fit_rows']} rows"]),
        }

    def check_columns(self, pipeline):
        for column, (total, squares) in self.moments.items():
            mean, square = total / self.rows, squares / self.rows
            is_standard = abs(mean) <= STANDARD_TOLERANCE and abs(square - 1.0) <= STANDARD_TOLERANCE
            is_constant = abs(mean) <= STANDARD_TOLERANCE and square <= STANDARD_TOLERANCE
            if not is_standard and not is_constant:
                self.faults.append(f"{column} has the mean {mean:.1e} and the mean square {square:.9f}")
        for name, counts in self.counts.items():
            frequent = {value for value, count in counts.items() if count >= pipeline.min_count}
            wanted = {f"{name}=(missing)" if value is None else f"{name}={value}" for value in frequent} | {f"{name}=(other)"}
            found = {column for column in self.place if column.startswith(f"{name}=")}
            if wanted != found:
                self.faults.append(f"the columns of {name} differ in {sorted(wanted ^ found)}")


def fitted(workdir, names):
    """Returns the fitted models with these names; all without names. A recalibrated model is not fitted to its last window."""
    found = []
    for path in sorted((workdir / "models").glob("*/model.json")):
        artifact = json.loads(path.read_text())
        is_fit = artifact["outcome"]["status"] == "learned" and not artifact["lineage"].get("recalibration")
        if is_fit and (not names or artifact["id"] in names):
            found.append(Model(artifact))
    missing = set(names) - {model.artifact["id"] for model in found}
    if missing or not found:
        sys.exit(f"{workdir} has no fitted model {', '.join(sorted(missing))}")
    return found


def main():
    file, workdir, names = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    pipeline = Pipeline(file)
    models = fitted(workdir, names)
    for number in sorted({number for model in models for number in model.windows()}):
        window = Window(workdir / f"batches/window-{number:05}.csv", pipeline)
        for model in models:
            if number in model.windows():
                model.add(number, window)
    print(json.dumps({"models": [model.result(pipeline) for model in models]}))


if __name__ == "__main__":
    main()
