# shellcheck shell=bash
# Runs groups of the tests' steps side by side: what waits for the network need not wait for the compiler as well. Each group
# is a shell of its own, with its output in a file that is shown when the group ends.

# Process id of each running group -> its name.
declare -A groups=()
progress_id=''

# start_group NAME COMMAND...: in a process group of its own, so that it can be stopped with all that it started.
start_group() {
  local name=$1
  shift
  set -m
  (
    set +m
    group=$name
    # The name as it is now: at the end it may be a variable of a step.
    # shellcheck disable=SC2064
    trap "finish_group $name" EXIT
    "$@"
  ) >"$test_logs/$name.out" 2>&1 </dev/null &
  groups[$!]=$name
  set +m
}

# Also runs when the group is stopped.
finish_group() {
  local result=$? name=$1
  trap - EXIT
  stop_test_stacks
  stop_postgres
  stop_test_engine
  end_step
  ((result == 0)) || printf '%s\n' "$current_step" >>"$test_logs/failed"
  echo "$result" >"$test_logs/result-$name.new"
  mv -- "$test_logs/result-$name.new" "$test_logs/result-$name"
  exit "$result"
}

# Not by `wait -n`, which loses the status of one of two groups that end at the same moment.
has_ended() { [[ -e $test_logs/result-${groups[$1]} ]] || ! kill -0 "$1" 2>/dev/null; }

# Waits for a group to end, and sets `ended` to its process id.
await_any_group() {
  local id
  while sleep 0.5; do
    for id in "${!groups[@]}"; do
      if has_ended "$id"; then
        ended=$id
        return 0
      fi
    done
  done
}

# Waits for all groups and shows the output of each as it ends. The first that fails stops the others.
await_groups() {
  local ended result name
  show_progress &
  progress_id=$!
  while ((${#groups[@]} > 0)); do
    await_any_group
    name=${groups[$ended]}
    # A group that was killed has left none.
    result=$(cat -- "$test_logs/result-$name" 2>/dev/null || echo 137)
    unset "groups[$ended]"
    mark "$name-ended"
    show_group "$name" "$result"
    ((result == 0)) || break
  done
  # One that was killed could not say where.
  ((result == 0)) || [[ -e $test_logs/failed ]] || echo "$name" >"$test_logs/failed"
  stop_groups
  return "$result"
}

show_group() {
  local name=$1 result=$2 how=passed
  ((result == 0)) || how=FAILED
  printf '\n%s---- [%d:%02d] %s: %s; its output: ----%s\n' "$bold" "$((SECONDS / 60))" "$((SECONDS % 60))" "$name" "$how" "$plain"
  cat -- "$test_logs/$name.out"
}

# Where each running group is, twice a minute.
show_progress() {
  local name
  # Without our output: a reader of it would wait for a sleep that is left over at the end.
  while sleep 30 >/dev/null 2>&1; do
    for name in "${groups[@]}"; do
      [[ ! -e $test_logs/mark-$name-ended ]] || continue
      # It may have printed nothing yet.
      printf '  [%d:%02d] %s: %s\n' "$((SECONDS / 60))" "$((SECONDS % 60))" "$name" \
        "$(grep -v '^ *$' "$test_logs/$name.out" 2>/dev/null | tail -n 1 | cut -c 1-110)"
    done
  done
}

stop_groups() {
  local id
  [[ -z $progress_id ]] || kill "$progress_id" 2>/dev/null || true
  progress_id=''
  for id in "${!groups[@]}"; do
    say "stopping: ${groups[$id]}; its output: $test_logs/${groups[$id]}.out"
    kill -TERM -- "-$id" 2>/dev/null || true
    wait "$id" 2>/dev/null || true
    unset "groups[$id]"
  done
}

# yield_processor NICENESS: what this shell starts from now on runs at this niceness, or at a higher one if it has that already.
yield_processor() { (($(nice) >= $1)) || renice --priority "$1" --pid "$BASHPID" >/dev/null; }

# mark NAME and await_mark NAME: one group waits for a part of another one.
mark() { touch -- "$test_logs/mark-$1"; }

await_mark() {
  end_step
  current_step='preparing'
  until [[ -e $test_logs/mark-$1 ]]; do sleep 0.5; done
  step_started=$SECONDS
}
