"""The losses of the schedules, computed apart: in plain Python, from the definitions in docs/advice.md and
docs/own-model.md, on backtests of LightGBM and of scikit-learn."""

import json
import subprocess

import numpy
import pandas
import pytest
import windrow
from test_wheel import REQUIRED
from windrow import WindrowError

WEEKS = 36
HISTORIES = [1, 2, 4, 8, None]
# The weeks on which each fit is scored: for a refit every 8th week, and labels that are a week late.
AGES = 9
BLOCKS = 8


def lightgbm():
    library = pytest.importorskip("lightgbm")
    return library.LGBMClassifier(n_estimators=8, num_leaves=7, min_child_samples=10, verbose=-1, n_jobs=1)


def logistic():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


def rows():
    """Weeks of 40 to 60 rows, in which old rows mislead slowly. Some labels are not known yet."""
    random = numpy.random.default_rng(5)
    week = numpy.repeat(numpy.arange(1, WEEKS + 1), random.integers(40, 61, WEEKS))
    x, z = random.normal(size=(2, len(week)))
    turn = 0.08 * week
    p = 1 / (1 + numpy.exp(-1.5 * (x * numpy.cos(turn) + z * numpy.sin(turn)) + 0.4))
    second = random.integers(0, 7 * 86_400, len(week))
    at = pandas.Timestamp("2024-01-01") + pandas.to_timedelta((week - 1) * 7 * 86_400 + second, unit="s")
    frame = pandas.DataFrame({"at": at, "week": week, "x": x, "z": z, "late": (random.random(len(week)) < p) * 1.0})
    frame.loc[random.random(len(week)) < 0.05, "late"] = None
    return frame.sort_values("at", ignore_index=True)


def backtest(frame, make):
    """Fits after each week on each history, and scores the next weeks. The first fits score all of them."""
    tables = []
    for newest in range(1, WEEKS):
        for history in HISTORIES:
            oldest = 1 if history is None else newest + 1 - history
            if oldest < 1:
                continue
            training = frame[frame["week"].between(oldest, newest)]
            labelled = training[training["late"].notna()]
            last = WEEKS if newest <= 9 else min(newest + AGES, WEEKS)
            later = frame[frame["week"].between(newest + 1, last)]
            model = make().fit(labelled[["x", "z"]], labelled["late"].astype(int))
            scored = later[["at", "week", "late"]].rename(columns={"at": "time", "late": "y"})
            scored["row"], scored["p"] = later.index, model.predict_proba(later[["x", "z"]])[:, 1]
            scored["trained_through"], scored["newest"] = training["at"].max(), newest
            scored["history"] = "all" if history is None else str(history)
            tables.append(scored)
    return pandas.concat(tables, ignore_index=True)


class Apart:
    """The schedules of a backtest, by their definitions."""

    def __init__(self, table, delay):
        self.delay = delay
        known = table[table["y"].notna()]
        # The losses of a window are sums of eighths of its rows, to six decimal places.
        self.sums = {
            key: self.sum_of_blocks(one.sort_values(["time", "row"]))
            for key, one in known.groupby(["history", "newest", "week"])
        }
        once = known.drop_duplicates("row")
        self.rows = once.groupby("week").size()
        self.positives = once.groupby("week")["y"].sum()
        # All schedules are judged on the windows after the longest finite history, less the late ones.
        longest = max(history for history in HISTORIES if history and history <= 0.4 * WEEKS)
        self.judged = range(longest + 1 + delay, WEEKS + 1)

    @staticmethod
    def sum_of_blocks(rows):
        loss = -numpy.log(numpy.where(rows["y"] == 1, rows["p"], 1 - rows["p"]))
        ends = [block * len(loss) // BLOCKS for block in range(BLOCKS + 1)]
        return sum(round(float(loss[begin:end].sum()), 6) for begin, end in zip(ends, ends[1:]))

    def sum(self, history, newest, week):
        # A history that is longer than all that there was is all of it.
        history = "all" if history == "all" or int(history) > newest else history
        return self.sums[history, newest, week]

    def every(self, history, period):
        """The mean over the phases: in each of them, the fit is of another age of 1 to `period` weeks."""
        ages = range(period)
        sums = (self.sum(history, week - 1 - self.delay - age, week) for week in self.judged for age in ages)
        return sum(sums) / period / self.rows.loc[self.judged].sum()

    def never(self, history):
        """The newest fit that the first judged week may use stays in use."""
        newest = self.judged[0] - 1 - self.delay
        return sum(self.sum(history, newest, week) for week in self.judged) / self.rows.loc[self.judged].sum()

    def average_rate(self):
        """The share of positives in the weeks whose labels are known, with half a row of each class added."""
        loss = 0.0
        for week in self.judged:
            until = week - 1 - self.delay
            share = (self.positives.loc[:until].sum() + 0.5) / (self.rows.loc[:until].sum() + 1)
            positives = self.positives.loc[week]
            loss -= positives * numpy.log(share) + (self.rows.loc[week] - positives) * numpy.log(1 - share)
        return loss / self.rows.loc[self.judged].sum()


def judged_by_the_command(path, delay):
    try:
        command = windrow.find_binary()
    except WindrowError as error:
        if REQUIRED:
            raise
        pytest.skip(str(error))
    arguments = [command, "judge", str(path), "--window=week", f"--label-delay={delay}", "--json"]
    return json.loads(subprocess.run(arguments, stdout=subprocess.PIPE, check=True).stdout)


def losses_of(answer):
    """The log-loss of each planned schedule, by history and period."""
    names = {"cumulative": "all", "window": "1"}
    found = {}
    for finding in answer["comparison"]["planned"]:
        for policy in [finding["policy"], *finding.get("same", [])]:
            history, refit = policy["history"], policy["refit"]
            key = names.get(history, history.replace("sliding", "")), refit.get("windows")
            found[key] = finding["errors"]["log_loss"]
    return found


@pytest.mark.parametrize("make", [lightgbm, logistic])
def test_the_mean_loss_of_each_schedule(make, tmp_path):
    table = backtest(rows(), make)
    path = tmp_path / "predictions.csv"
    table.drop(columns=["newest", "week"]).to_csv(path, index=False)
    for delay in (0, 1):
        answer = judged_by_the_command(path, delay)
        apart = Apart(table, delay)
        histories = ["1", "2", "4", "8", "all"]
        expected = {(history, period): apart.every(history, period) for history in histories for period in (1, 2, 4, 8)}
        expected.update({(history, None): apart.never(history) for history in histories})
        assert losses_of(answer) == pytest.approx(expected, abs=1e-9)
        judged = answer["basis"]["judged"]
        assert (judged["first"], judged["last"]) == (apart.judged[0], apart.judged[-1])
        assert judged["rows"] == apart.rows.loc[apart.judged].sum()
        best = min(loss for (_, period), loss in expected.items() if period)
        assert judged["share_log_loss"] == pytest.approx(apart.average_rate(), abs=1e-9)
        assert judged["gain"] == pytest.approx(apart.average_rate() - best, abs=1e-9)
