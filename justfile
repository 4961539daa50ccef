# Everyday commands. Without just, copy the lines of a recipe.
#
# WINDROW_BENCH_SIZE=small makes every benchmark end within seconds, to check that it runs. Its figures then mean
# nothing. If a tool is missing, one sentence reports it, and what needs it is not measured.

# A small benchmark uses the development build, which the tests have already made.
size := env("WINDROW_BENCH_SIZE", "")
build := if size == "" { "cargo build --release" } else { "cargo test --no-run --test it" }
bench := if size == "" { "cargo bench" } else { "cargo bench --profile dev" }

# The binary that is measured.
windrow := env("CARGO_TARGET_DIR", "target") / if size == "" { "release/windrow" } else { "debug/windrow" }

# The folder of the Python environment of the benchmarks' peers.
peers := home_directory() / ".cache/windrow/peers"

# The folder of the sample streams of other packages.
samples := home_directory() / ".cache/windrow/samples"

export WINDROW_BENCH_PYTHON := peers / "bin/python"
export WINDROW_BENCH_SAMPLES := samples

# Run the flights pipeline live in one process
demo *args:
    cargo run --release -- demo {{args}}

# Run the demo on Redpanda in a container; needs Docker
demo-redpanda *args:
    cargo run --release --features redpanda -- demo --broker redpanda {{args}}

# Run the tests that need only a Rust toolchain
test:
    cargo test

# Run every test; a test whose tool (Kafka, Docker, a browser, Java, Python) is missing is skipped with a message
test-all:
    cargo test -- --include-ignored

# Check format, lints and import circles, and, with cargo-shear and cargo-deny installed, dependencies, licences and sources
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo run --quiet -p import-circles
    if command -v cargo-shear; then cargo shear; fi
    if command -v cargo-deny; then cargo deny --config .cargo/deny.toml check licenses bans sources; fi

# Update the committed API document from a run of the flights sample
openapi:
    WINDROW_BLESS=1 cargo test --test it openapi::

# Update docs/pipeline-file.md, the reference of the pipeline file, from the declarations of its keys
reference:
    WINDROW_BLESS=1 cargo test -p windrow-config --test reference

# Update docs/example, the reports of both demos
example:
    cargo build --release
    rm -rf .windrow/example docs/example
    {{windrow}} demo --once --broker embedded --workdir .windrow/example/flights
    {{windrow}} demo --dataset taxi --once --broker embedded --workdir .windrow/example/taxi
    {{windrow}} report --format md fixtures/flights.toml --workdir .windrow/example/flights --out docs/example/flights.md
    {{windrow}} report --format md fixtures/taxi.toml --workdir .windrow/example/taxi --out docs/example/taxi.md

# Kill producer, consumer, trainer and the embedded broker 220 times at random moments, also on Kafka (WINDROW_TEST_KAFKA)
torture kills="220":
    WINDROW_TORTURE_KILLS={{kills}} cargo test --test timing --test external -- --include-ignored --nocapture torture:: broker_faults::kills kafka::brokers

# Attack a server with up to 10,000 connections while a correct client sends requests; about a minute
storm seconds="20":
    WINDROW_STORM_SECONDS={{seconds}} cargo test --release --test timing storm:: -- --nocapture

# Compare rows per second into sealed files with bare rdkafka, and measure memory up to ten million rows
bench:
    {{bench}} --bench pipeline

# Print the processor time of producer and consumer by guarantee, from samples of perf (linux-perf); a minute
bench-stream-profile *rows:
    {{build}}
    python3 benches/stream_profile.py {{windrow}} {{rows}}

# Compare rows per second from a topic into files with a bare loop and confluent-kafka's Python consumer
bench-consumer: _peers
    {{bench}} --bench consumer

# Test the advice on simulated worlds with known truth, and print the tables of docs/advice.md; about twenty minutes with 200 seeds
bench-advice *seeds:
    {{bench}} --bench advice -- {{seeds}}

# Compare following the advice with drift detectors, CARA and UPF on ten streams; about fifteen minutes
bench-policies *streams: _peers _samples
    {{bench}} --bench policies -- {{streams}}

# Compare the embedded broker with Apache Kafka (WINDROW_TEST_KAFKA, Java); about seven minutes
bench-broker:
    {{bench}} --bench broker

# Measure the pages with 500 models and 500 windows: bytes, time, first content in Chromium (chromium-driver)
bench-pages:
    {{bench}} --bench pages

# Compare training from batch files with scikit-learn, Spark (Java) and linfa-logistic; about six minutes
bench-train: _peers
    {{bench}} --bench training

# Compare the whole study of `windrow advise` with pandas and scikit-learn on the same files; about fifteen minutes
bench-study: _peers
    {{bench}} --bench study

# Measure training with its advice on 23 categories, next to an earlier binary (WINDROW_BENCH_BEFORE); ten to fifty minutes
bench-wide *args: _peers
    {{build}}
    python3 benches/wide.py {{windrow}} {{args}}

# Compare a pipeline with LightGBM as its learner with a joblib loop, measure an idle learner, compare answers with Flask; an hour or two
bench-own *args: _peers
    {{build}}
    python3 benches/own.py {{windrow}} {{args}}

# Compare `windrow judge` on ten million predictions with the same losses computed with Polars; about three minutes
bench-judge *rows: _peers
    {{build}}
    python3 benches/judge.py {{windrow}} {{rows}}

# Compare predictions per second with a bare poem route, Flask and FastAPI (needs wrk); about five minutes
bench-serve *requests: _peers
    {{bench}} --bench serving -- {{requests}}

# Compare Windrow with a stack of Kafka, Spark and Flask on the same flights (WINDROW_TEST_KAFKA, Java); half an hour
bench-stack *rounds: _peers
    {{build}}
    python3 benches/stack/measure.py {{windrow}} {{rounds}}

# Compare Newton here with Spark on two cores, through Spark Connect (Java, protoc); ten minutes
bench-spark *rows: _peers
    {{build}} $(command -v "${PROTOC:-protoc}" >/dev/null && echo --features spark)
    python3 benches/spark.py {{windrow}} {{rows}}

# Measure the cost of a run by its rows, up to ten million, and print the points of docs/scale.md; four minutes
bench-scale *rows:
    {{build}}
    python3 benches/scale.py {{windrow}} {{rows}}

# Install the packages of the benchmarks' peers
_peers:
    python3 -m venv {{peers}} && {{peers}}/bin/python -m pip install -q -r benches/peers/requirements.txt \
        || echo "benches/peers/requirements.txt cannot be installed: peers in Python may not be measured"

# Take sample streams out of other packages
_samples:
    {{peers}}/bin/python benches/peers/policies/samples.py {{samples}} \
        || echo "benches/peers/policies/samples.py did not make every sample: the others are measured"

# Fuzz each target for five minutes; needs cargo-fuzz (`cargo install cargo-fuzz`), but no nightly toolchain
fuzz seconds="300" targets="record message request frame answer segment":
    for target in {{targets}}; do RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $target -- -max_total_time={{seconds}} || exit; done

# Measure the time of a release build from an empty target folder
build-time *features:
    rm -rf .windrow/build-time
    bash -c 'time CARGO_TARGET_DIR=.windrow/build-time cargo build --release --timings {{features}}'

# Run the steps of CI
ci:
    bash .ci/run
