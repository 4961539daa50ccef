# The everyday commands. Without just: each is a line or two to copy.

# the flights pipeline, live, in one process
demo *args:
    cargo run --release -- demo {{args}}

# every test
test:
    cargo test

# format, lints, warnings denied
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# renew the committed API document from a run of the flights pipeline
openapi:
    WINDROW_BLESS=1 cargo test --test openapi

# producer, consumer and trainer killed 220 times at random moments; every row must be in its place
torture kills="220":
    WINDROW_TORTURE_KILLS={{kills}} cargo test --test torture -- --nocapture

# rows per second into sealed files beside bare rdkafka on the same broker; memory at one and ten times the rows
bench:
    cargo bench --bench pipeline

# how long the release build takes from an empty target folder
build-time:
    CARGO_TARGET_DIR=$(mktemp -d) cargo build --release --timings

# what CI runs
ci:
    bash .ci/run
