"""Trains the cumulative models as a Spark job: spark.ml reads the batch files, encodes and fits.

    spark-submit --master local[2] train_spark.py PIPELINE.json BATCH.csv ...

Prints one JSON object as its last line.
"""

import json
import sys
import time

from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import Imputer, OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler
from pyspark.sql import SparkSession, functions as f


def read(spark, path, pipeline):
    frame = spark.read.csv(path, header=True, inferSchema=False)
    target = f.col(pipeline["target"]).cast("double")
    when = f.to_timestamp(f.col(pipeline["time"]), pipeline["spark_format"])
    columns = [f.col(name).cast("double").alias(name) for name in pipeline["numeric"]]
    columns += [f.log1p(f.col(name).cast("double")).alias(name) for name in pipeline["log"]]
    columns += [f.coalesce(f.col(name), f.lit("(missing)")).alias(name) for name in pipeline["categorical"]]
    columns += [f.hour(when).cast("string").alias("hour"), f.dayofweek(when).cast("string").alias("weekday")]
    columns += [(target >= pipeline["at_least"]).cast("double").alias("label")]
    return frame.where(target.isNotNull()).select(*columns)


def main():
    file, *batches = sys.argv[1:]
    pipeline = json.load(open(file))
    began = time.perf_counter()
    spark = SparkSession.builder.appName("peer").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    numbers = pipeline["numeric"] + pipeline["log"]
    levels = pipeline["categorical"] + ["hour", "weekday"]
    models, training = [], None
    for batch in batches:
        fit = read(spark, batch, pipeline)
        training = fit if training is None else training.union(fit)
        rows = training.count()
        stages = Pipeline(stages=[
            Imputer(strategy="mean", inputCols=numbers, outputCols=[f"{name}_i" for name in numbers]),
            VectorAssembler(inputCols=[f"{name}_i" for name in numbers], outputCol="raw"),
            StandardScaler(inputCol="raw", outputCol="scaled", withMean=True, withStd=True),
            StringIndexer(inputCols=levels, outputCols=[f"{name}_c" for name in levels], handleInvalid="keep"),
            OneHotEncoder(
                inputCols=[f"{name}_c" for name in levels], outputCols=[f"{name}_h" for name in levels], dropLast=False,
            ),
            VectorAssembler(inputCols=["scaled"] + [f"{name}_h" for name in levels], outputCol="features"),
        ]).fit(training)
        x = stages.transform(training).select("features", "label").cache()
        x.count()
        fitting = time.perf_counter()
        # Spark minimises the mean loss + regParam/2 |w|^2.
        fitted = LogisticRegression(regParam=1.0 / rows, standardization=False, maxIter=1000, tol=1e-8).fit(x)
        seconds = time.perf_counter() - fitting
        models.append({
            "rows": rows,
            "columns": fitted.numFeatures,
            "seconds": seconds,
            "objective": fitted.summary.objectiveHistory[-1] * rows,
        })
        x.unpersist()
    seconds = time.perf_counter() - began
    spark.stop()
    print(json.dumps({"models": models, "seconds": seconds}))


main()
