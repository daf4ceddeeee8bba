# Stand-in for the compiler image that backend/Dockerfile starts from, with this machine's Rust toolchain as
# its context. Like the original it has a C compiler and no cmake. Built by `build.sh FOLDER --rust`.
ARG BASE=debian:bookworm-20260803-slim
# hadolint ignore=DL3006
FROM ${BASE}
# This machine's certificates, so that the container can download the crates as this machine does.
# hadolint ignore=DL3008
RUN --mount=type=secret,id=certificates \
    apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates g++ gcc libc6-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/* \
    && cp /run/secrets/certificates /etc/ssl/certs/ca-certificates.crt
ENV CARGO_HOME=/usr/local/cargo
COPY . /usr/local
LABEL belfry.stand-in-for=rust:1.95.0-bookworm belfry.stand-in-is="this machine's Rust toolchain"
