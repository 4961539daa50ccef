import os
import sys

from flask import Flask, jsonify, request
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

models, port = sys.argv[1:]
spark = SparkSession.builder.master("local[2]").appName("api").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
loaded = {name: PipelineModel.load(os.path.join(models, name)) for name in os.listdir(models)}
app = Flask(__name__)


@app.post("/predict/<name>")
def predict(name):
    row = loaded[name].transform(spark.createDataFrame([request.get_json()])).first()
    return jsonify(probability=float(row.probability[1]), label=bool(row.prediction))


app.run(port=int(port))
