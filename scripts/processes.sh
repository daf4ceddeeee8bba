# shellcheck shell=bash
# Processes that outlive this shell, and the certainty that a pid is still ours.
#
# A pid alone is not enough: the system hands it out again. So each part's file
# in pids/ keeps the boot, the pid and the pid's start time, and only a process
# that matches all three is ever signalled.

pid_file() { echo "$state/pids/$1"; }
log_file() { echo "$state/logs/$1.log"; }

# Start time in clock ticks since boot; fails for a process gone or a zombie.
start_ticks() {
  local line fields
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name, in parentheses, may hold spaces; the fields after it do not.
  read -r -a fields <<<"${line##*) }"
  [[ ${fields[0]} != Z && ${fields[0]} != X ]] || return 1
  echo "${fields[19]}"
}

# Prints the pid of a part that runs.
running_pid() {
  local boot pid ticks
  was_started "$1" || return 1
  read -r boot pid ticks _ <"$(pid_file "$1")" || return 1
  [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $(start_ticks "$pid") == "$ticks" ]] || return 1
  echo "$pid"
}

was_started() { [[ -e $(pid_file "$1") ]]; }

# What the part was started with; see fingerprint().
recorded_fingerprint() {
  local fingerprint
  read -r _ _ _ fingerprint <"$(pid_file "$1")" || return 1
  echo "$fingerprint"
}

# start_part NAME FINGERPRINT PROGRAM ARGUMENTS...
start_part() {
  local name=$1 fingerprint=$2 pid ticks
  shift 2
  # Logs start anew and are kept once, which bounds them and saves a dead part's words.
  [[ -s $(log_file "$name") ]] && mv -- "$(log_file "$name")" "$(log_file "$name").1"
  # The lock is ours, not the child's: it would hold it for ever.
  setsid nohup "$@" >"$(log_file "$name")" 2>&1 </dev/null {lock}>&- &
  pid=$!
  disown "$pid"
  ticks=$(start_ticks "$pid") || ticks=gone
  echo "$(</proc/sys/kernel/random/boot_id) $pid $ticks $fingerprint" >"$(pid_file "$name")"
}

# Asks, waits, then forces. Twice is the same as once.
stop_part() {
  local name=$1 grace=$2 pid deadline
  if pid=$(running_pid "$name"); then
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + grace))
    while running_pid "$name" >/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
    if running_pid "$name" >/dev/null; then
      warn "$name did not stop within $grace s and is killed"
      kill -KILL "$pid" 2>/dev/null || true
      while running_pid "$name" >/dev/null; do sleep 0.1; done
    fi
  fi
  rm -f -- "$(pid_file "$name")"
}

# One `up` or `down` at a time: two would start each part twice.
take_lock() {
  mkdir -p -- "$state"
  exec {lock}>"$state/lock"
  flock -n "$lock" || die "another ./run.sh is at work on $state"
}

# Changes when the command, one of the files it names, or the facts on stdin do.
fingerprint() {
  local word
  {
    printf '%s\0' "$@"
    for word in "$@"; do
      if [[ -f $word ]]; then stat -L -c '%s %Y' -- "$word"; fi
    done
    cat
  } | sha256sum | cut -d' ' -f1
}
