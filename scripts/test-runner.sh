#!/usr/bin/env bash
# Cargo starts every program through this script during `./run.sh test`. Test programs report the time of each test, an
# unstable option of the test harness, and the API tests, which mostly wait, get more threads than there are cores.
set -euo pipefail

program=$1
shift
case $program in
  # Test programs are in this folder; compiled documentation tests are not.
  */deps/*) ;;
  *) exec "$program" "$@" ;;
esac
if [[ -n ${BELFRY_LEAVE_OUT:-} && $program =~ /deps/$BELFRY_LEAVE_OUT-[0-9a-f]+$ ]]; then
  echo 'run by another step'
  exit 0
fi
extra=(-Zunstable-options --report-time)
if [[ $program =~ /deps/server-[0-9a-f]+$ && " $* " != *' --test-threads'* ]]; then
  extra+=("--test-threads=${BELFRY_API_TEST_THREADS:-6}")
fi
# Only for the harness: if cargo saw this variable, it would compile everything again.
RUSTC_BOOTSTRAP=1 exec "$program" "$@" "${extra[@]}"
