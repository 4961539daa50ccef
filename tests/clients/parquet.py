"""Reads and writes Parquet with other tools: pandas, polars, DuckDB, Spark.

    parquet.py read ENGINE FILES...        prints the contents of the files, as JSON
    parquet.py write ENGINE CSV OUT        converts a CSV file to Parquet, with the types that the engine infers
    parquet.py layout FILE                 prints the layout of a file, as JSON
    parquet.py odd FOLDER                  writes files that cannot be read as a table
"""

import json
import sys


def spark():
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = session.config("spark.sql.session.timeZone", "UTC").config("spark.driver.host", "127.0.0.1")
    return session.getOrCreate()


def read(engine, files):
    """Returns the rows, the columns with their kinds, and sums that are the same in every engine."""
    if engine == "spark":
        frame = spark().read.parquet(*files).toPandas()
    elif engine == "pandas":
        import pandas

        frame = pandas.concat([pandas.read_parquet(file) for file in files], ignore_index=True)
    elif engine == "polars":
        import polars

        frame = polars.concat([polars.read_parquet(file) for file in files]).to_pandas()
    else:
        import duckdb

        frame = duckdb.sql(f"select * from read_parquet({files!r})").df()
    import pandas.api.types as types

    told = {}
    for name, column in frame.items():
        there = column.dropna()
        if types.is_datetime64_any_dtype(column):
            kind, value = "time", str(there.min())[:19] if len(there) else ""
        elif types.is_numeric_dtype(column):
            kind, value = "number", round(float(there.sum()), 6)
        else:
            kind, value = "text", int(there.str.len().sum())
        told[name] = [kind, int(column.isna().sum()), value]
    print(json.dumps({"rows": len(frame), "columns": told}))


def write(engine, csv, out):
    if engine == "spark":
        import glob
        import shutil

        frame = spark().read.csv(csv, header=True, inferSchema=True)
        frame.coalesce(1).write.parquet(out + ".d", compression="gzip")
        shutil.move(glob.glob(out + ".d/*.parquet")[0], out)
    elif engine == "pandas":
        import pandas

        frame = pandas.read_csv(csv, parse_dates=["sched_dep"])
        frame.to_parquet(out, compression="snappy", row_group_size=1000)
    elif engine == "polars":
        import polars

        polars.read_csv(csv, try_parse_dates=True, infer_schema_length=None).write_parquet(out, compression="zstd")
    else:
        import duckdb

        duckdb.sql(f"copy (select * from read_csv('{csv}')) to '{out}' (format parquet, compression lz4)")


def layout(file):
    import pyarrow.parquet as parquet

    told = parquet.ParquetFile(file)
    columns = [told.metadata.row_group(0).column(index) for index in range(told.metadata.num_columns)]
    print(
        json.dumps(
            {
                "made_by": told.metadata.created_by.split()[0],
                "compression": sorted({column.compression for column in columns}),
                "with_statistics": sum(column.is_stats_set for column in columns),
                "with_page_index": sum(column.has_column_index for column in columns),
                "types": {field.name: str(field.type) for field in told.schema_arrow},
            }
        )
    )


def odd(folder):
    import datetime
    import decimal

    import pyarrow
    import pyarrow.parquet as parquet

    table = lambda **columns: pyarrow.table(columns)
    files = {
        "nested": table(x=[1, 2], tags=[["a"], ["b", "c"]], place=[{"lat": 1.0}, {"lat": 2.0}]),
        "bytes": table(x=[1, 2], picture=[b"\xff\x00", b"\xfe"]),
        "none": pyarrow.table({}),
        "empty": table(x=pyarrow.array([], pyarrow.int64())),
        "kinds": pyarrow.table(
            {
                "day": pyarrow.array([datetime.date(1969, 12, 31), None]),
                "at": pyarrow.array([1, None], pyarrow.timestamp("ns", "UTC")),
                "clock": pyarrow.array([datetime.time(23, 59, 58, 500000), None]),
                "price": pyarrow.array([decimal.Decimal("-0.05"), None], pyarrow.decimal128(9, 2)),
                "large": pyarrow.array([decimal.Decimal("-12345678901234567890.5"), None], pyarrow.decimal128(38, 1)),
                "is_late": pyarrow.array([True, None]),
                "small": pyarrow.array([255, None], pyarrow.uint8()),
                "huge": pyarrow.array([2**64 - 1, None], pyarrow.uint64()),
                "single": pyarrow.array([0.1, float("nan")], pyarrow.float32()),
                "double": pyarrow.array([1e300, float("inf")]),
                "half": pyarrow.array([0.5, float("nan")], pyarrow.float16()),
                "word": pyarrow.array(["a", None]).dictionary_encode(),
                "nothing": pyarrow.nulls(2),
            }
        ),
    }
    for name, content in files.items():
        parquet.write_table(content, f"{folder}/{name}.parquet")
    parquet.write_table(table(x=list(range(1000))), f"{folder}/brotli.parquet", compression="brotli")
    parquet.write_table(table(at=[datetime.datetime(2013, 1, 1, 5, 15)], x=[1]), f"{folder}/int96.parquet", use_deprecated_int96_timestamps=True)


command, *arguments = sys.argv[1:]
if command == "read":
    read(arguments[0], arguments[1:])
elif command == "write":
    write(*arguments)
elif command == "layout":
    layout(*arguments)
else:
    odd(*arguments)
