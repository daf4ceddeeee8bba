# shellcheck shell=bash
# `./run.sh test`: installs missing packages, then runs every check and test; files
# are checked and images prepared while the program is compiled. It stops at the first failure and names the failed step.
# What is installed is in test-packages.sh, the checks of files are in test-files.sh, the tests of the stack in test-stacks.sh.

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
  start_group panels test_panels
  start_group clean-boot test_clean_boot
  start_group native test_stack_natively
  start_group drills test_drills
  start_group crates test_crates
  await_groups
}

# The groups that run beside each other, in the order of the report. While the program is compiled, files are checked and
# images prepared. The tests of the service rely on time-outs, so the others leave it the processor when it needs it.
group_names=(files service containers panels clean-boot native drills crates)

compile_and_test() {
  step 'compile everything, with clippy' compile_everything
  mark compiled
  step 'API tests on SQLite' test_workspace service
  mark api-tested
  test_on_postgres
  mark postgres-tested
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
  mark context-checked
}

# Every panel with data, idle and loaded, and in a browser.
test_panels() {
  yield_processor 5
  # Beside the API tests, two stacks at a time leave none of them enough of 2 cores for its time-outs.
  await_mark postgres-tested
  # What drives the browser is there.
  await_mark viewer-checked
  step 'every panel, natively and in a browser' test_native_stack panels stack::panels:: --test-threads=1
}

# Minutes in which nothing may happen, and half of the time nothing does.
test_clean_boot() {
  yield_processor 5
  await_mark api-tested
  step 'no alert on a clean install' test_native_stack clean-boot stack::clean_boot:: --test-threads=1
}

test_stack_natively() {
  yield_processor 5
  await_mark postgres-tested
  await_mark containers-tested
  # Each of these mostly waits: for scrapes, rules and programs that start.
  step 'the stack natively' test_native_stack native stack:: --test-threads=2 --skip stack::panels:: --skip stack::clean_boot:: --skip stack::drill::
  mark native-tested
}

# Stacks of their own, with the times of the rules shortened.
test_drills() {
  yield_processor 5
  await_mark native-tested
  # Its compile takes what a drill's stacks need.
  await_mark context-checked
  step 'drills of alerts' test_native_stack drills stack::drill:: --test-threads=1
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
