#!/usr/bin/env bash
# Starts, stops and tests Belfry. What each command does is in scripts/, one
# file a subject; this file only chooses.
set -Eeuo pipefail

project_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd -- "$project_root"

# shellcheck source=scripts/output.sh
source scripts/output.sh
# shellcheck source=scripts/environment.sh
source scripts/environment.sh
# shellcheck source=scripts/ports.sh
source scripts/ports.sh
# shellcheck source=scripts/packages.sh
source scripts/packages.sh
# shellcheck source=scripts/unpacking.sh
source scripts/unpacking.sh
# shellcheck source=scripts/rust.sh
source scripts/rust.sh
# shellcheck source=scripts/processes.sh
source scripts/processes.sh
# shellcheck source=scripts/monitoring-tools.sh
source scripts/monitoring-tools.sh
# shellcheck source=scripts/native-config.sh
source scripts/native-config.sh
# shellcheck source=scripts/native.sh
source scripts/native.sh
# shellcheck source=scripts/containers.sh
source scripts/containers.sh
# shellcheck source=scripts/first-data.sh
source scripts/first-data.sh
# shellcheck source=scripts/stack.sh
source scripts/stack.sh
# shellcheck source=scripts/postgres.sh
source scripts/postgres.sh
# shellcheck source=scripts/build-context.sh
source scripts/build-context.sh
# shellcheck source=scripts/side-by-side.sh
source scripts/side-by-side.sh
# shellcheck source=scripts/test-packages.sh
source scripts/test-packages.sh
# shellcheck source=scripts/test-files.sh
source scripts/test-files.sh
# shellcheck source=scripts/test-stacks.sh
source scripts/test-stacks.sh
# shellcheck source=scripts/test.sh
source scripts/test.sh

command=${1:-up}
shift || true
# The tests must not depend on what this machine's .env says.
[[ $command == test ]] || load_environment
choose_state_folder

case $command in
  up) stack_up ;;
  native) native_up release ;;
  dev) stack_dev ;;
  down) stack_down ;;
  status) stack_status "$@" ;;
  logs) stack_logs "$@" ;;
  demo) stack_demo "$@" ;;
  drill) stack_drill "$@" ;;
  test) run_tests "$@" ;;
  help | -h | --help) show_help ;;
  *) die "unknown command '$command'; ./run.sh help lists them" ;;
esac
