#!/usr/bin/env bash
# Instructions of a request in process, optimised build: bare, under each kind of instrumentation of benches/variants, and
# under OpenTelemetry's tower layer (benches/opentelemetry). Counted by callgrind, so that other work on the machine changes
# nothing; time in the kernel is not counted. Each is a process of its own, with the recorder that belongs to it.
#
#   backend/telemetry/benches/instructions.sh [REQUESTS]
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.."

requests=${1:-2000}
command -v valgrind >/dev/null || { echo 'valgrind is missing: apt-get install valgrind' >&2; exit 1; }

target=${CARGO_TARGET_DIR:-target}
# With names, by which callgrind finds the functions to count.
cargo rustc --release --quiet --package belfry-telemetry --example variants -- -C strip=none
CARGO_TARGET_DIR=$target/opentelemetry-bench cargo build --release --quiet --locked \
  --manifest-path backend/telemetry/benches/opentelemetry/Cargo.toml
ours=$target/release/examples/variants
otel=$target/opentelemetry-bench/release/opentelemetry-bench
mapfile -t variants < <("$ours")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# instructions PROGRAM VARIANT: of one request
instructions() {
  VARIANT=$2 REQUESTS=$requests valgrind --quiet --tool=callgrind --toggle-collect='*counted_requests*' \
    --dump-before='*write_counts*' --callgrind-out-file="$work/$2" "$1" >"$work/output" 2>&1 ||
    { cat "$work/output" >&2; exit 1; }
  awk -v requests="$requests" '/^totals:/ { printf "%.0f\n", $2 / requests }' "$work/$2.1"
}

printf '%-18s %12s %12s %12s\n' '' instructions 'over bare' 'times bare'
row() { awk -v n="$1" -v i="$2" -v b="$3" 'BEGIN { printf "%-18s %12d %12d %12.2f\n", n, i, i - b, i / b }'; }
bare=$(instructions "$ours" bare)
for variant in "${variants[@]}"; do row "$variant" "$(instructions "$ours" "$variant")" "$bare"; done
row otel-metrics "$(instructions "$otel" otel-metrics)" "$(instructions "$otel" bare)"
