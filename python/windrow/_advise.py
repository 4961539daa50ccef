"""Fits an estimator on several histories, and asks how often to retrain it."""

from __future__ import annotations

import os
import tempfile
from typing import Any, List, Optional, Sequence, Union

from . import _columns, _ladder
from ._answer import Answer
from ._cut import label_delay_in_windows, parse_window
from ._errors import WindrowError
from ._judge import judge_files, judge_options
from ._ladder import Fit
from ._progress import Progress, estimate, in_words
from ._study import Rows, Study, check, histories_of

# Up to this many predictions, each fit predicts all ages that a pipeline keeps. Beyond it, only those that planned
# schedules need: a hundred million rows take gigabytes.
MAX_PREDICTIONS = 20_000_000
# The fits that are timed first: the smallest, the median and the largest.
TIMED = (0.0, 0.5, 1.0)
# With fewer fits, the estimate would come when half of the work is done.
MIN_FITS_TO_ESTIMATE = 8


def advise(
    frame: Any,
    *,
    target: str,
    estimator: Any,
    time: Optional[str] = None,
    window: str = "week",
    positive: Any = None,
    features: Optional[Sequence[str]] = None,
    drop: Sequence[str] = (),
    label_delay: Union[int, str] = 0,
    histories: Optional[Sequence[Union[int, str]]] = None,
    keep: Optional[float] = None,
    cost: Optional[str] = None,
    ages: Optional[int] = None,
    categories: Optional[bool] = None,
    n_jobs: Optional[int] = None,
    folder: Union[str, "os.PathLike[str]", None] = None,
    progress: Optional[bool] = None,
) -> Answer:
    """Says how often to retrain an estimator, and on how much history.

    Fits a copy of the estimator after every window: on the last 1, 2, 4, 8, ... windows and on all. Each fit predicts
    later windows only. ``windrow judge`` compares the schedules from these predictions.

    Args:
        frame: A DataFrame of pandas or polars, or a table of pyarrow.
        target: The column to predict, with two classes. Rows without a value are predicted, but not learned from.
        estimator: Anything with ``fit`` and ``predict_proba``: a classifier or a pipeline of scikit-learn, LightGBM,
            XGBoost, CatBoost. It is copied for each fit, and not changed.
        time: The column with the time of each row. It is not a feature, unless ``features`` names it.
        window: ``"day"``, ``"week"`` (from Monday), ``"month"``, ``"quarter"`` or a duration such as ``"14d"``, all in
            UTC; or ``"rows=N"`` or ``"parts=N"``.
        positive: The positive class. By default ``True`` or 1, or else the second of the classes in order.
        features: The columns to learn from. By default, all except the target, the time and ``drop``.
        drop: Columns to leave out, such as ids and what is not known when you predict.
        label_delay: How late labels are known: a number of windows, or a duration such as ``"30d"``.
        histories: The histories to compare, as in ``[1, 4, "all"]``. By default 1, 2, 4, 8, ... windows and all.
        keep: The share of the best schedule's gain that is good enough.
        cost: Costs that decide, as in ``"refit=200,miss=5,false_alarm=1"``.
        ages: The number of windows that each fit predicts at least. By default 64 if that is at most 20 million
            predictions, and otherwise as many as the planned schedules need.
        categories: ``True`` gives text columns to the estimator as pandas categories, and levels that a fit has not
            seen as missing values. By default this is done for LightGBM, XGBoost and HistGradientBoostingClassifier.
        n_jobs: The number of fits at the same time, with joblib 1.4 or later; -1 uses every core. They are threads,
            unless ``joblib.parallel_config`` says otherwise.
        folder: A folder for the predictions of each fit. If you call again with the same data and the same estimator,
            only missing fits are made. By default, a temporary folder.
        progress: ``False`` prints nothing. By default there is a bar on a terminal, and elsewhere a line for each
            tenth.

    Raises:
        WindrowError: An argument or the data do not fit, or the estimator failed.
    """
    check(estimator)
    rule = parse_window(window)
    delay = label_delay_in_windows(label_delay, rule)
    wanted = histories_of(None if histories is None else list(histories))
    frame = _columns.to_pandas(frame)
    columns = _columns.features_of(frame, target, time, features, drop)
    rows = Rows(frame, target, time, rule, positive)
    report = Progress(progress)
    settings = {"target": target, "time": time, "window": window, "positive": positive}
    with tempfile.TemporaryDirectory(prefix="windrow-") as temporary:
        place = temporary if folder is None else os.path.abspath(os.fspath(folder))
        study = Study(frame, rows, columns, estimator, categories, place, settings)
        fits = _fits(study, wanted, delay, ages)
        _make(study, fits, n_jobs, report)
        report.say("judging the predictions")
        options = judge_options(window if rule.is_by_time else None, label_delay, keep, cost)
        # The files have the names of fits.
        options.append(f"--name={target}")
        files = [os.path.basename(study.path(fit)) for fit in fits]
        return judge_files(files, options, study.folder)


def _fits(study: Study, wanted: Optional[tuple], delay: int, ages: Optional[int]) -> List[Fit]:
    """Returns the fits that the schedules need."""
    windows = study.rows.windows
    compared = _ladder.histories(windows, wanted)
    if not compared:
        longest = int(_ladder.MAX_HISTORY_SHARE * windows)
        raise WindrowError(f"histories: all are too long for {windows} windows; at most {longest} windows, or 'all'")
    least = _ladder.ages_of_schedules(windows, wanted, delay)

    def plan(ages: int) -> List[Fit]:
        return _ladder.plan(windows, wanted, delay, ages, study.rows.can_learn)

    if ages is not None:
        fits = plan(max(ages + delay, least))
    else:
        fits = plan(max(_ladder.MAX_AGE, least))
        if sum(study.size(fit)[1] for fit in fits) > MAX_PREDICTIONS:
            fits = plan(least)
    fits = [fit for fit in fits if study.size(fit)[1] > 0]
    if not fits:
        raise WindrowError(
            f"nothing can be learned from {windows} windows: every window needs rows, and there must be labels of both "
            "classes before the last one"
        )
    return fits


def _make(study: Study, fits: List[Fit], n_jobs: Optional[int], report: Progress) -> None:
    """Makes the fits whose predictions are missing."""
    pending = [fit for fit in fits if not os.path.exists(study.path(fit))]
    done, of = len(fits) - len(pending), len(fits)
    kept = f", {done} of them are there already" if done else ""
    predictions = sum(study.size(fit)[1] for fit in fits)
    about = f"{of} fits on {study.rows.windows} windows, {predictions:,} predictions{kept}"
    jobs = _jobs(n_jobs)
    measured, left = [], None
    if len(pending) >= MIN_FITS_TO_ESTIMATE:
        report.say(f"timing {len(TIMED)} of {of} fits")
        by_size = sorted(pending, key=study.size)
        timed = [by_size[round(share * (len(by_size) - 1))] for share in TIMED]
        measured = [study.make(fit) for fit in timed]
        pending = [fit for fit in pending if fit not in timed]
        left = estimate(measured, [study.size(fit) for fit in pending]) / jobs
    report.say(about + ("" if left is None else f": about {in_words(left)}"))
    done += len(measured)
    report.begin(done, of)
    if left is not None:
        report.update(done, of, left)
    for _ in _run(study, pending, jobs):
        done += 1
        report.update(done, of)


def _jobs(n_jobs: Optional[int]) -> int:
    """Returns the number of fits at the same time."""
    if n_jobs in (None, 1):
        return 1
    try:
        import joblib
    except ImportError as error:
        raise WindrowError("n_jobs needs joblib: pip install joblib, or leave n_jobs out") from error
    return joblib.effective_n_jobs(n_jobs)


def _run(study: Study, fits: List[Fit], jobs: int) -> Any:
    """Yields once for each fit that is complete."""
    if jobs == 1:
        for fit in fits:
            yield study.make(fit)
        return
    from joblib import Parallel, delayed

    # Threads share the frame. Most libraries release the interpreter's lock while they fit.
    parallel = Parallel(n_jobs=jobs, prefer="threads", return_as="generator_unordered")
    yield from parallel(delayed(study.make)(fit) for fit in fits)
