# shellcheck shell=bash
# `./run.sh status --wait`: waits until the stack is up and its first dashboard has data, and says how long after the start.
#
# The questions are the ones that its pages ask, through the backend, so an answer proves the whole way from the metric to a
# browser: scrape, query, proxy.

wait_seconds=120

start_file() { echo "$state/start-began"; }

# Microseconds since 1970.
microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }

# record_start MICROSECONDS: when the start began from which `status --wait` counts.
record_start() { (umask 077 && mkdir -p -- "$state" && echo "$1" >"$(start_file)"); }

# The time since the start began, such as ` 3.4 s after the start`; nothing if it is not known.
since_start() {
  local began tenths
  [[ -r $(start_file) ]] && read -r began <"$(start_file)" || return 0
  [[ $began =~ ^[0-9]+$ ]] || return 0
  tenths=$((($(microseconds) - began) / 100000))
  printf ' %d.%d s after the start' "$((tenths / 10))" "$((tenths % 10))"
}

check_key_file() {
  local file=${BELFRY_KEY_FILE:-${AUTH__ADMIN_KEY_FILE:-}}
  [[ -z $file || -r $file ]] || warn "$file cannot be read: BELFRY_KEY_FILE names a file on this machine with a key"
}

# The header with a key, for a backend that asks for one: from the file that BELFRY_KEY_FILE names, or else the admin key's.
key_header() {
  local file=${BELFRY_KEY_FILE:-${AUTH__ADMIN_KEY_FILE:-}}
  [[ -n $file && -r $file ]] || return 0
  printf 'Authorization: Bearer %s' "$(<"$file")"
}

# Prints the body of a 200 answer of the backend, in pure bash, because curl may be missing.
backend_answer() {
  local host key
  host=$(local_address) key=$(key_header)
  (
    exec 3<>"/dev/tcp/$host/$BACKEND_PORT" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\n%s\r\n' "$1" "$(host_port "$host" "$BACKEND_PORT")" "${key:+$key$'\r\n'}" >&3
    IFS=' ' read -r -t 10 _ code _ <&3 || exit 1
    [[ $code == 200 ]] || exit 1
    timeout 10 cat <&3
  ) 2>/dev/null
}

# has_value EXPRESSION PATTERN: whether a query, given percent-encoded, has a value that matches now.
has_value() {
  [[ $(backend_answer "/api/v1/query/prometheus/query?query=$1") =~ \"value\":\[[0-9.]+,\"$2\"\] ]]
}

stack_is_up() {
  local part
  for part in "${awaited_parts[@]}"; do
    part_is_ready "$part" || return 1
  done
}

overview_has_samples() { has_value "up%7Bjob%3D%22$job%22%7D" 1; }

# Two scrapes make a rate.
overview_has_rates() {
  has_value "sum(rate(http_requests_total%7Bjob%3D%22$job%22%7D%5B1m%5D))" '[0-9.e+-]+'
}

# await_first_data [SECONDS]
await_first_data() {
  local limit=${1:-$wait_seconds} deadline what check job=${PROMETHEUS__JOB:-backend} awaited_parts first=true
  [[ $limit =~ ^[1-9][0-9]{0,3}$ ]] || die "status --wait takes seconds, 9999 at most, not '$limit'"
  check_key_file
  deadline=$((SECONDS + limit))
  awaited_parts=(backend alertmanager prometheus)
  if native_is_known; then awaited_parts=("${parts[@]}"); fi
  for check in stack_is_up overview_has_samples overview_has_rates; do
    case $check in
      stack_is_up) what='every part is up' ;;
      overview_has_samples) what='the overview has data' ;;
      overview_has_rates) what='the overview has rates, and so every panel its data' ;;
    esac
    if [[ $check == overview_has_samples ]]; then
      is_off PROMETHEUS__ENABLED &&
        { say 'Metrics are switched off (PROMETHEUS__ENABLED): there is no data to wait for.'; return 0; }
      is_off VIEWER__ENABLED &&
        { say 'The pages are switched off (VIEWER__ENABLED), and with them the way to ask for data: nothing more to wait for.'; return 0; }
    fi
    if "$check"; then
      $first && { say "Already so: $what."; continue; }
    else
      first=false
      until "$check"; do
        if ((SECONDS >= deadline)); then
          warn "not within $limit s: $what"
          return 1
        fi
        sleep 0.2
      done
    fi
    say "Now$(since_start): $what."
  done
}
