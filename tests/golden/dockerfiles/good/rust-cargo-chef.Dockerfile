FROM lukemathwalker/cargo-chef:latest-rust-1 AS chef
WORKDIR /app

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /app/recipe.json recipe.json
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/git \
    --mount=type=cache,target=target,id=rust-target \
    cargo chef cook --release --recipe-path recipe.json
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/app/target,id=rust-target <<EOT
set -e
cargo build --release --bin app
cp target/release/app /bin/app
EOT

FROM debian:12 AS runtime
WORKDIR /app
COPY --from=builder /bin/app /usr/local/bin
ENTRYPOINT ["/usr/local/bin/app"]
