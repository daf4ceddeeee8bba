# shellcheck shell=bash
# Processes that continue after this shell, and a check that a pid is still ours.
#
# A pid alone is not enough, because the system reuses pids. So each part's file
# in pids/ has the boot id, the pid and the process's start time, and only a
# process that matches all three gets a signal.

pid_file() { echo "$state/pids/$1"; }
log_file() { echo "$state/logs/$1.log"; }

# Start time in clock ticks since boot; fails if the process has ended or is a zombie.
start_ticks() {
  local line fields
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name, in parentheses, may contain spaces; the fields after it do not.
  read -r -a fields <<<"${line##*) }"
  [[ ${fields[0]} != Z && ${fields[0]} != X ]] || return 1
  echo "${fields[19]}"
}

# Prints the pid of a running part.
running_pid() {
  local boot pid ticks
  was_started "$1" || return 1
  read -r boot pid ticks _ <"$(pid_file "$1")" || return 1
  [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $(start_ticks "$pid") == "$ticks" ]] || return 1
  echo "$pid"
}

was_started() { [[ -e $(pid_file "$1") ]]; }

# The fingerprint that the part was started with; see fingerprint().
recorded_fingerprint() {
  local fingerprint
  read -r _ _ _ fingerprint _ <"$(pid_file "$1")" || return 1
  echo "$fingerprint"
}

# The seconds that a part has to stop by itself, unless it was started with others.
default_grace=30

# The seconds that the part has to stop by itself, by the settings that it was started with: those of now may be others.
recorded_grace() {
  local grace=''
  was_started "$1" && read -r _ _ _ _ grace <"$(pid_file "$1")"
  # An older run.sh recorded none.
  echo "${grace:-$default_grace}"
}

# start_part NAME FINGERPRINT GRACE PROGRAM ARGUMENTS...
start_part() {
  local name=$1 fingerprint=$2 grace=$3 pid ticks
  shift 3
  # A start begins a new log and keeps one old log, which bounds the size and saves the log of a crash.
  [[ -s $(log_file "$name") ]] && mv -- "$(log_file "$name")" "$(log_file "$name").1"
  # The process records itself before it becomes the program, which keeps its pid and start time: so there is no program
  # without a record, also if this shell is ended in between. It must not inherit the lock, which it would keep forever.
  (
    pid=$BASHPID
    ticks=$(start_ticks "$pid")
    echo "$(</proc/sys/kernel/random/boot_id) $pid $ticks $fingerprint $grace" >"$(pid_file "$name")"
    exec setsid nohup "$@"
  ) >"$(log_file "$name")" 2>&1 </dev/null {lock}>&- &
  pid=$!
  disown "$pid"
  until [[ -s $(pid_file "$name") ]] || ! start_ticks "$pid" >/dev/null; do sleep 0.01; done
}

# Sends SIGTERM, waits, then kills. Safe to repeat.
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
  make_state_folder
  exec {lock}>"$state/lock"
  flock -n "$lock" || die "another ./run.sh is at work on $state"
}

# Changes if the command, a file that it names, or the data on stdin changes.
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
