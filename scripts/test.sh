# shellcheck shell=bash
# `./run.sh test`: installs what is missing, then every check and test, cheap
# ones first. It stops at the first failure and says which step that was.

current_step='preparing'

step() {
  current_step=$1
  shift
  printf '\n%s==> [%d:%02d] %s%s\n' "$bold" "$((SECONDS / 60))" "$((SECONDS % 60))" "$current_step" "$plain"
  "$@"
}

finish_tests() {
  local result=$?
  trap - EXIT
  stop_postgres
  stop_test_engine
  ((result == 0)) ||
    printf '\nFAILED after %d:%02d at: %s\n' "$((SECONDS / 60))" "$((SECONDS % 60))" "$current_step" >&2
  exit "$result"
}

# run_tests [quick]: the closing lines are cargo's own.
run_tests() {
  local what=${1:-all}
  [[ $what == all || $what == quick ]] || die "test takes 'quick' or nothing, not '$what'"
  SECONDS=0
  trap finish_tests EXIT
  export CARGO_TERM_PROGRESS_WHEN=never

  step 'Rust' require_rust
  require_rust_checks
  [[ $what == quick ]] || step 'packages the tests need' require_test_packages

  step 'cargo fmt' cargo fmt --all --check
  [[ $what == quick ]] || check_files
  step 'cargo clippy' cargo clippy --workspace --all-targets --locked -- -D warnings
  step 'unit and API tests on SQLite' cargo test --workspace --locked
  [[ $what == quick ]] && return 0

  step 'the program from the build context alone' check_build_context
  step 'native histograms, a feature of its own' test_native_histograms
  step 'a private PostgreSQL' start_postgres
  step 'API and job tests on PostgreSQL' \
    env "BELFRY_TEST_DATABASE_URL=$postgres_url" cargo test --workspace --locked --bin belfry --test api
  stop_postgres
  step 'the stack in containers' test_containers
  step 'the stack natively' \
    cargo test --workspace --locked --test stack -- --ignored --test-threads=1
}

require_test_packages() {
  local packages=(shellcheck postgresql faketime)
  find_monitoring_tools
  mapfile -t -O "${#packages[@]}" packages < <(missing_tool_packages; missing_context_packages)
  have shellcheck && unset 'packages[0]'
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && unset 'packages[1]'
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null && unset 'packages[2]'
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
  find_monitoring_tools
  say 'All there.'
}

# With the feature the example is another program, so nothing else is built with it.
test_native_histograms() {
  local feature=(--package belfry-telemetry --features native-histograms --locked)
  cargo clippy "${feature[@]}" --all-targets -- -D warnings
  cargo build "${feature[@]}" --example minimal
  PATH=$(dirname -- "${tool[prometheus]}"):$PATH cargo test "${feature[@]}" --lib --test native --test bounds
  # The tests that follow start the example as everyone builds it.
  cargo build --package belfry-telemetry --locked --example minimal
}

# Everything that is checked without compiling.
check_files() {
  step 'shellcheck' check_shell_files
  step 'Prometheus configuration and rules' "${tool[promtool]}" check config infra/monitoring/prometheus/prometheus.yml
  step 'Prometheus rule tests' check_rule_tests
  step 'Alertmanager configuration' "${tool[amtool]}" check-config infra/monitoring/alertmanager/alertmanager.yml
  step 'compose files' check_compose_files
}

# Files with a shell's first line; those in scripts/ have none and are checked as parts of run.sh.
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
    say 'SKIPPED for now: no Compose v2 on this machine; the container tests bring one if they can'
    return 0
  fi
  docker compose -f docker-compose.yml --profile '*' config -q
  docker compose -f docker-compose.yml -f docker-compose.dev.yml --profile '*' config -q
}

# On this machine's engine, or on one that engine.sh makes for the purpose.
test_containers() {
  local folder=$state/engine lines line
  lines=$(infra/local-images/engine.sh start "$folder") || { skipped_if_impossible $?; return; }
  test_engine=$folder
  while IFS= read -r line; do
    if [[ $line =~ ^export\ (DOCKER_HOST|DOCKER_CONFIG)=(.*)$ ]]; then
      export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
    fi
  done <<<"$lines"
  check_compose_files
  infra/local-images/build.sh "$folder/images" "${CARGO_TARGET_DIR:-target}/debug/belfry" ||
    { skipped_if_impossible $?; return; }
  cargo test --workspace --locked --test compose -- --ignored --test-threads=1
  stop_test_engine
}

# The scripts of infra/local-images say 77 for what this machine cannot do.
skipped_if_impossible() {
  (($1 == 77)) || return "$1"
  say '**** SKIPPED: the container tests cannot run on this machine (reason above) ****'
}

test_engine=''

stop_test_engine() {
  [[ -n $test_engine ]] || return 0
  infra/local-images/engine.sh stop "$test_engine" || true
  test_engine=''
}
