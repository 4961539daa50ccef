//! A server whose models are of a learner in plain Python, without packages.

use std::fs;
use std::path::Path;

use crate::served::{pipeline, serve};
use crate::{Running, run_once};

/// The learner. It predicts from the carrier only: 0.9 for UA, and 0.2 for all others. It cannot read Parquet, so it
/// knows the number of rows of a file: those of a window, or the three examples of one.
const LEARNER: &str = r#"
import json, os, struct, sys

def hello(request):
    names = [feature["name"] for feature in request["schema"]["features"]]
    assert names == ["miles", "log(fare)", "carrier", "hour(at)"], names
    return {"protocol": 1, "name": "plain.Rule", "versions": {"python": "3"}, "digest": "d" * 64}

def fit(request):
    with open(os.path.join(request["folder"], "rule.json"), "w") as file:
        json.dump(request["levels"], file)
    return {}

def score(request):
    rows = 3 if "-examples-" in os.path.basename(request["file"]) else 100
    with open(request["out"], "wb") as out:
        for _ in request["models"]:
            out.write(struct.pack("<d", 0.5) * rows)
    return {"rows": rows}

def predict(request):
    return {"probabilities": [0.9 if row["carrier"] == "UA" else 0.2 for row in request["rows"]]}

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "result": globals()[request["method"]](request)}), flush=True)
"#;

/// Starts a server with models of the learner for the pipeline of [`pipeline`]; returns it and its URL. The fitted models
/// are cumulative-1 to cumulative-3, window-1 and window-2. Needs `python3`.
///
/// # Panics
/// A file cannot be written, or the pipeline does not run.
pub fn server(folder: &Path) -> (Running, String) {
    let (file, workdir) = (pipeline(folder), folder.join("work").display().to_string());
    fs::write(folder.join("model.py"), LEARNER).expect("a file");
    let text = fs::read_to_string(&file).expect("a pipeline file");
    let train = "[train]\nsolver = \"command\"\n[train.command]\nrun = [\"python3\", \"model.py\"]\nworkers = 2\n";
    fs::write(&file, format!("{text}{train}")).expect("a file");
    run_once(&file, &workdir, &[]);
    serve(&file, &workdir)
}
