# shellcheck shell=bash
# The commands that choose between containers and native mode.

stack_up() {
  if native_is_known; then
    native_up release
  elif engine_answers; then
    containers_up
  else
    say "Native mode: $(no_engine_because)."
    native_up release
  fi
}

stack_dev() {
  if ! native_is_known && engine_answers; then
    containers_up -f docker-compose.yml -f docker-compose.dev.yml
  else
    native_up dev
  fi
}

stack_down() {
  local known=false
  # Another ./run.sh may be about to start what it has not recorded yet, and nothing runs that was never started here.
  if native_is_known || [[ -e $state/lock ]]; then take_lock; fi
  if native_is_known; then
    known=true
    native_stop "${parts[@]}"
  fi
  if engine_answers && containers_are_known; then
    known=true
    # The services of all profiles, including one that was enabled at the start and is not now.
    docker compose --profile '*' down --remove-orphans
  fi
  if $known; then say 'Stopped. Data is kept.'; else say 'Nothing of Belfry runs here.'; fi
}

# stack_status [--wait [SECONDS]]
stack_status() {
  if (($# > 0)); then
    [[ $1 == --wait ]] || die "status takes --wait or nothing, not '$1'"
    await_first_data "${2:-$wait_seconds}" || { show_status || true; return 1; }
  fi
  show_status
}

show_status() {
  if ! native_is_known && engine_answers && containers_are_known; then
    docker compose ps --all
  else
    native_status
  fi
}

# stack_logs [PART]: follows the logs on a terminal, else prints the last lines.
stack_logs() {
  local follow=() files part=${1:-}
  [[ -t 1 ]] && follow=(--follow)
  if ! native_is_known && engine_answers && containers_are_known; then
    docker compose logs --tail=100 "${follow[@]}" ${part:+"$part"}
    return
  fi
  mapfile -t files < <(compgen -G "$state/logs/${part:-*}.log")
  ((${#files[@]} > 0)) || die "no logs of '${part:-the stack}' in $state/logs"
  tail --lines=100 "${follow[@]}" -- "${files[@]}"
}

stack_demo() {
  local url binary terminal=()
  url=$(part_url backend)
  part_is_ready backend || die "no backend is ready at $url; start it with ./run.sh"
  if native_is_known; then
    binary=$(given_backend) || binary=$state/bin/belfry
    [[ -x $binary ]] || die "there is no program $binary: set BELFRY_BINARY as for the start"
    "$binary" demo --url "$url" "$@"
  else
    [[ -t 0 && -t 1 ]] || terminal=(-T)
    docker compose exec "${terminal[@]}" backend belfry demo --url http://127.0.0.1:8000 "$@"
  fi
}

# On scratch copies of the monitoring, whether a stack runs or not; where one does, by its own program.
stack_drill() {
  require_monitoring_tools
  backend_binary=$state/bin/belfry
  if given_backend >/dev/null || ! native_is_known || [[ ! -x $backend_binary ]]; then build_backend release; fi
  # The drill looks for its programs on PATH; they may be unpacked and not installed.
  PATH=$PATH:$(dirname -- "${tool[prometheus]}"):$(dirname -- "${tool[alertmanager]}"):$(dirname -- "${tool[blackbox-exporter]}") \
    "$backend_binary" drill "$@"
}

show_help() {
  cat <<'HELP'
./run.sh [command]

  up         start the stack: in containers where a Docker engine and Compose v2
             answer, otherwise natively (this is the default)
  native     start it natively: release build, Prometheus, Alertmanager, exporters
  dev        the same for development: debug logs
  down       stop exactly what was started; data is kept
  status     each part, up or down, and its URL; `status --wait [SECONDS]` waits
             until the first dashboard has data, and says how long that took
  logs [part]
  demo       realistic traffic; options go to `belfry demo` (--for 60s --rate 5)
  drill      drives alerts from fault to delivery on scratch copies of the
             monitoring: `drill` lists them, `drill NAME`, `drill --all`
  test       all checks and tests; `test quick` only format, lints and cargo test
             on SQLite, without the slowest; `test long` what takes too long for
             every day
  help       this text

Variables come from the shell, else from .env; .env.example lists them. A wrong
one or a taken port is refused before anything that runs is stopped; `belfry
check` judges the settings alone.
BELFRY_STATE is native mode's folder (.belfry), BELFRY_BINARY a ready backend.

On this machine:
HELP
  describe_machine
}

describe_machine() {
  local name
  if engine_answers; then say '  containers: a Docker engine and Compose v2 answer'; else say "  containers: no, $(no_engine_because)"; fi
  if have cargo; then say "  rust: $(cargo --version)"; else say '  rust: no cargo; install it by rustup'; fi
  find_monitoring_tools
  for name in "${!tool[@]}"; do
    say "  $name: ${tool[$name]:-not here, installed or unpacked when first needed}"
  done | sort
  native_status || true
}
