# The everyday commands. Without just: each is a line or two to copy.
#
# WINDROW_BENCH_SIZE=small makes every benchmark end within seconds, to see that it runs; its figures mean nothing then. A tool
# that is missing is reported in one sentence, and what needs it is not measured.

# a benchmark with a size of seconds takes the development build, which the tests have made
size := env("WINDROW_BENCH_SIZE", "")
build := if size == "" { "cargo build --release" } else { "cargo test --no-run --test it" }
bench := if size == "" { "cargo bench" } else { "cargo bench --profile dev" }

# the binary that is measured
windrow := env("CARGO_TARGET_DIR", "target") / if size == "" { "release/windrow" } else { "debug/windrow" }

# the Python of the benchmarks' peers, and the folder of its packages
peers := home_directory() / ".cache/windrow/peers"

export WINDROW_BENCH_PYTHON := peers / "bin/python"

# the flights pipeline, live, in one process
demo *args:
    cargo run --release -- demo {{args}}

# the same on Redpanda in a container, as the project was first asked for; needs Docker
demo-redpanda *args:
    cargo run --release -- demo --broker redpanda {{args}}

# the tests that need a Rust toolchain only
test:
    cargo test

# every test; those that need Kafka, Docker, a browser, Java or Python are skipped with a message if the tool is missing
test-all:
    cargo test -- --include-ignored

# format, lints, warnings denied; files of a crate that import each other in a circle; unused dependencies, licences and sources where the tools are installed
# (cargo install --locked cargo-shear cargo-deny)
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo run --quiet -p import-circles
    if command -v cargo-shear; then cargo shear; fi
    if command -v cargo-deny; then cargo deny --config .cargo/deny.toml check licenses bans sources; fi

# renew the committed API document from a run of the sample of the flights
openapi:
    WINDROW_BLESS=1 cargo test --test it openapi::

# renew docs/pipeline-file.md, the reference of the pipeline file, from the declarations of its keys
reference:
    WINDROW_BLESS=1 cargo test -p windrow-config --test reference

# renew docs/example: the report of both demos
example:
    cargo build --release
    rm -rf .windrow/example docs/example
    {{windrow}} demo --once --broker embedded --workdir .windrow/example/flights
    {{windrow}} demo --dataset taxi --once --broker embedded --workdir .windrow/example/taxi
    {{windrow}} report --format md fixtures/flights.toml --workdir .windrow/example/flights --out docs/example/flights.md
    {{windrow}} report --format md fixtures/taxi.toml --workdir .windrow/example/taxi --out docs/example/taxi.md

# producer, consumer and trainer killed 220 times at random moments, as often the embedded broker, and all of them on Kafka (WINDROW_TEST_KAFKA)
torture kills="220":
    WINDROW_TORTURE_KILLS={{kills}} cargo test --test timing --test external -- --include-ignored --nocapture torture:: broker_faults::kills kafka::brokers

# everything that a server can be troubled with, 10,000 connections among it, while a good client asks on; about a minute
storm seconds="20":
    WINDROW_STORM_SECONDS={{seconds}} cargo test --release --test timing storm:: -- --nocapture

# rows per second into sealed files compared with bare rdkafka, on the embedded broker and on Kafka (WINDROW_TEST_KAFKA); memory up to ten million rows
bench:
    {{bench}} --bench pipeline

# rows per second from a topic into files compared with a bare loop and confluent-kafka's Python consumer
bench-consumer: _peers
    {{bench}} --bench consumer

# is the advice right? simulated worlds whose truth is known; the tables of docs/advice.md; about ten minutes with 200 seeds
bench-advice *seeds:
    {{bench}} --bench advice -- {{seeds}}

# the embedded broker compared with Apache Kafka (WINDROW_TEST_KAFKA: the folder of its distribution; needs Java); about seven minutes
bench-broker:
    {{bench}} --bench broker

# the pages with 500 models and 500 windows: bytes, time, first content in Chromium (needs chromium-driver)
bench-pages:
    {{bench}} --bench pages

# from batch files to models compared with scikit-learn, Spark (needs Java) and linfa-logistic; about six minutes
bench-train: _peers
    {{bench}} --bench training

# the whole study of `windrow advise` compared with pandas and scikit-learn on the same files; about fifteen minutes
bench-study: _peers
    {{bench}} --bench study

# predictions a second compared with a bare poem route, Flask and FastAPI with scikit-learn (needs wrk); about five minutes with a million requests
bench-serve *requests: _peers
    {{bench}} --bench serving -- {{requests}}

# Kafka, a Python producer and consumer, a Spark job and a Flask app compared with Windrow on the same flights (WINDROW_TEST_KAFKA, Java); half an hour with 5 rounds
bench-stack *rounds: _peers
    {{build}}
    python3 benches/stack/measure.py {{windrow}} {{rounds}}

# the same windows by Newton here and by Spark on two cores, through Spark Connect (Java, protoc); ten minutes
bench-spark *rows: _peers
    {{build}} $(command -v "${PROTOC:-protoc}" >/dev/null && echo --features spark)
    python3 benches/spark.py {{windrow}} {{rows}}

# the cost of a run by its rows, up to ten million, with batch files in CSV and in Parquet; the points of docs/scale.md; four minutes
bench-scale *rows:
    {{build}}
    python3 benches/scale.py {{windrow}} {{rows}}

# install the packages of the benchmarks' peers
_peers:
    python3 -m venv {{peers}} && {{peers}}/bin/python -m pip install -q -r benches/peers/requirements.txt \
        || echo "benches/peers/requirements.txt cannot be installed: peers in Python may not be measured"

# random bytes for five minutes each; needs cargo-fuzz (cargo install cargo-fuzz) and, for the sanitizer, no nightly toolchain
fuzz seconds="300" targets="record message request frame answer segment":
    for target in {{targets}}; do RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $target -- -max_total_time={{seconds}} || exit; done

# how long the release build takes from an empty target folder
build-time:
    rm -rf .windrow/build-time
    CARGO_TARGET_DIR=.windrow/build-time cargo build --release --timings

# what CI runs
ci:
    bash .ci/run
