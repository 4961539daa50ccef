# Windrow in a container: the binary with TLS for brokers and Spark's client, public certificate authorities, and an
# unprivileged user.
#
#   docker build -t windrow --build-arg REVISION=$(git rev-parse --short=12 HEAD) .
#   docker run --rm -p 8080:8080 windrow
ARG BASE=debian:bookworm-slim
ARG RUST=rust:1.95-bookworm

FROM ${BASE} AS runtime
# A volume mounted on /work gets its owner from this folder.
COPY --chown=10001:10001 LICENSE-APACHE LICENSE-MIT /work/licenses/
COPY fixtures/flights.toml fixtures/flights.csv.zst /data/
USER 10001:10001
WORKDIR /work
ENV PATH=/usr/local/bin:/usr/bin:/bin
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["windrow", "health"]
ENTRYPOINT ["windrow"]
CMD ["demo", "--broker", "embedded", "--listen", "0.0.0.0:8080"]

FROM ${RUST} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends cmake perl protobuf-compiler && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG REVISION
RUN WINDROW_REVISION=${REVISION} cargo build --release --locked --features spark,tls && strip target/release/windrow

FROM runtime
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/windrow /usr/local/bin/windrow
