#!/usr/bin/env bash
# Cargo starts every program through this during `./run.sh test`. Test programs are asked for the time of each test,
# which the stable toolchain's harness has behind a switch, and the API tests, which mostly wait, get more threads than
# there are cores.
set -euo pipefail

program=$1
shift
case $program in
  # Test programs lie there; what documentation tests are compiled to does not.
  */deps/*) ;;
  *) exec "$program" "$@" ;;
esac
extra=(-Zunstable-options --report-time)
if [[ $program =~ /deps/(api|server)-[0-9a-f]+$ && " $* " != *' --test-threads'* ]]; then
  extra+=("--test-threads=${BELFRY_API_TEST_THREADS:-6}")
fi
# For the harness alone: cargo must not see it, or it compiles everything anew.
RUSTC_BOOTSTRAP=1 exec "$program" "$@" "${extra[@]}"
