import glob
import os
import sys

from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import Imputer, OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, dayofweek, hour

folder, models = sys.argv[1:]
spark = SparkSession.builder.master("local[2]").appName("flights").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")

numeric = ["distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "plane_year", "seats"]
categorical = ["carrier", "origin", "dest", "hour", "weekday"]


def fit(paths, name):
    data = spark.read.csv(paths, header=True, inferSchema=True).where("arr_delay is not null")
    data = data.withColumn("label", (col("arr_delay") >= 15).cast("double"))
    data = data.withColumn("hour", hour("sched_dep")).withColumn("weekday", dayofweek("sched_dep"))
    data = data.select("label", *[col(c).cast("double") for c in numeric], *[col(c).cast("string") for c in categorical])
    data = data.cache()
    stages = [
        Imputer(inputCols=numeric, outputCols=[f"{c}_filled" for c in numeric]),
        StringIndexer(inputCols=categorical, outputCols=[f"{c}_index" for c in categorical], handleInvalid="keep"),
        OneHotEncoder(inputCols=[f"{c}_index" for c in categorical], outputCols=[f"{c}_vector" for c in categorical]),
        VectorAssembler(
            inputCols=[f"{c}_filled" for c in numeric] + [f"{c}_vector" for c in categorical], outputCol="features"
        ),
        LogisticRegression(regParam=1.0 / data.count()),
    ]
    Pipeline(stages=stages).fit(data).write().overwrite().save(f"{models}/{name}")
    data.unpersist()
    print("model", name, flush=True)


windows = sorted(glob.glob(os.path.join(folder, "*.csv")))
for number, path in enumerate(windows, 1):
    fit([path], f"window-{number}")
    fit(windows[:number], f"cumulative-{number}")
