# shellcheck shell=bash
# The tests that start the whole stack, natively and in containers, and what must be stopped after them.

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

# test_native_stack LOG TESTS ARGUMENTS...: the arguments are those of the tests' harness.
test_native_stack() {
  local log=$1 test_filter=$2
  shift 2
  # The folders of the stacks, so that those of a test that is cut off can be stopped.
  stacks_folder=$(mktemp -d "${TMPDIR:-/tmp}/belfry-stacks.XXXXXX")
  # The drill looks for its programs there; they may be unpacked and not installed.
  PATH=$PATH:$(dirname -- "${tool[prometheus]}") TMPDIR=$stacks_folder \
    cargo_tests "$log" --workspace --test server "$test_filter" -- --ignored "$@"
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
