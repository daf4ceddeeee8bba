#!/usr/bin/env bash
# Throughput and CPU time of a request over HTTP, bare and under each kind of instrumentation of benches/variants, in turns:
# a shared machine drifts, so each round measures all of them and only ratios within a round are compared. Each is a
# process of its own, with the recorder that belongs to it.
#
#   backend/telemetry/benches/wrk.sh [ROUNDS [SECONDS]]
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.."

rounds=${1:-7} seconds=${2:-4}
command -v wrk >/dev/null || { echo 'wrk is missing: apt-get install wrk' >&2; exit 1; }

cargo build --release --quiet --package belfry-telemetry --example variants
server=${CARGO_TARGET_DIR:-target}/release/examples/variants
mapfile -t variants < <("$server")
work=$(mktemp -d)
pid=''
stop() { [[ -z $pid ]] || { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; pid=''; } || true; }
trap 'stop; rm -rf -- "$work"' EXIT

# cpu_ticks PID: "USER SYSTEM", the times so far
cpu_ticks() {
  local fields
  read -r -a fields <"/proc/$1/stat"
  echo "${fields[13]} ${fields[14]}"
}

# measure VARIANT: prints "REQUESTS-PER-SECOND|CPU|USER", the last two in microseconds per request
measure() {
  local before after requests
  VARIANT=$1 ADDRESS=127.0.0.1:18471 "$server" &
  pid=$!
  for _ in {1..100}; do
    (exec 3<>/dev/tcp/127.0.0.1/18471) 2>/dev/null && break
    sleep 0.05
  done
  wrk -t1 -c16 -d1s http://127.0.0.1:18471/hello/world >/dev/null
  read -r -a before < <(cpu_ticks "$pid")
  wrk -t1 -c16 -d"${seconds}s" http://127.0.0.1:18471/hello/world >"$work/wrk"
  read -r -a after < <(cpu_ticks "$pid")
  stop
  requests=$(awk '/requests in/ {print $1}' "$work/wrk")
  awk -v r="$requests" -v s="$seconds" -v user=$((after[0] - before[0])) -v kernel=$((after[1] - before[1])) \
    -v hz="$(getconf CLK_TCK)" \
    'BEGIN {printf "%.0f|%.3f|%.3f\n", r / s, (user + kernel) / hz * 1e6 / r, user / hz * 1e6 / r}'
}

for ((round = 1; round <= rounds; round++)); do
  for variant in "${variants[@]}"; do
    echo "$round|$variant|$(measure "$variant")" >>"$work/all"
  done
done

# The median of the ratios to the bare server of the same round.
awk -F'|' -v rounds="$rounds" '
  { rps[$1, $2] = $3; cpu[$1, $2] = $4; user[$1, $2] = $5; if (!($2 in seen)) { seen[$2] = 1; names[++n] = $2 } }
  function median(of, count,   i, j, t) {
    for (i = 2; i <= count; i++) for (j = i; j > 1 && of[j - 1] > of[j]; j--) { t = of[j]; of[j] = of[j - 1]; of[j - 1] = t }
    return count % 2 ? of[(count + 1) / 2] : (of[count / 2] + of[count / 2 + 1]) / 2
  }
  END {
    printf "%-18s %12s %8s %10s %8s %10s %8s\n", "", "requests/s", "/ bare", "CPU us", "- bare", "user us", "- bare"
    for (k = 1; k <= n; k++) {
      for (r = 1; r <= rounds; r++) {
        a[r] = rps[r, names[k]]; b[r] = a[r] / rps[r, "bare"]; c[r] = cpu[r, names[k]]; d[r] = c[r] / cpu[r, "bare"]
        e[r] = user[r, names[k]]; f[r] = e[r] / user[r, "bare"]
      }
      printf "%-18s %12.0f %7.2fx %10.2f %+7.0f%% %10.2f %+7.0f%%\n", names[k], median(a, rounds), median(b, rounds),
        median(c, rounds), (median(d, rounds) - 1) * 100, median(e, rounds), (median(f, rounds) - 1) * 100
    }
  }' "$work/all"
