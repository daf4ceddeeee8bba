# shellcheck shell=bash
# Which process listens on which port, read from /proc: a new machine may have neither ss nor lsof.

# An address that a client on this machine can connect to.
local_address() {
  case $BIND_ADDRESS in
    0.0.0.0) echo 127.0.0.1 ;;
    ::) echo ::1 ;;
    *) echo "$BIND_ADDRESS" ;;
  esac
}

# host:port as URLs write it; an IPv6 address needs its brackets.
host_port() {
  local host=$1 port=$2
  [[ $host == *:* ]] && host="[$host]"
  echo "$host:$port"
}

# 127.0.0.1 as /proc/net/tcp writes it on a little-endian machine: 0100007F.
hex_address() {
  local a b c d
  IFS=. read -r a b c d <<<"$1"
  printf '%02X%02X%02X%02X' "$d" "$c" "$b" "$a"
}

# Prints the socket inode of a listener that conflicts with the port, if any.
# If we bind to one IPv4 address, only that address and the wildcards conflict;
# otherwise, every listener on the port does.
listener_inode() {
  local port_hex ours='' table local_hex state_hex inode
  local any6=00000000000000000000000000000000
  port_hex=$(printf '%04X' "$((10#$1))")
  [[ $BIND_ADDRESS =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ && $BIND_ADDRESS != 0.0.0.0 ]] &&
    ours=$(hex_address "$BIND_ADDRESS")
  for table in /proc/net/tcp /proc/net/tcp6; do
    [[ -r $table ]] || continue
    while read -r _ local_hex _ state_hex _ _ _ _ _ inode _; do
      [[ $state_hex == 0A && ${local_hex##*:} == "$port_hex" ]] || continue
      if [[ -n $ours ]]; then
        case ${local_hex%%:*} in
          00000000 | "$ours" | "$any6" | "0000000000000000FFFF0000$ours") ;;
          *) continue ;;
        esac
      fi
      echo "$inode"
      return 0
    done <"$table"
  done
  return 1
}

# A free loopback port.
free_port() {
  local port
  for _ in {1..50}; do
    port=$((20000 + RANDOM % 12000))
    BIND_ADDRESS=127.0.0.1 listener_inode "$port" >/dev/null || { echo "$port"; return 0; }
  done
  die 'found no free port'
}

# The pid of the process that owns a socket inode; fails if it is another user's.
socket_pid() {
  local link
  link=$(find /proc/[0-9]*/fd -lname "socket:\[$1\]" -print -quit 2>/dev/null) || true
  [[ $link =~ ^/proc/([0-9]+)/ ]] || return 1
  echo "${BASH_REMATCH[1]}"
}

# same_ports VARIABLES...: a line for each variable whose port another one also has.
same_ports() {
  local name
  local -A chosen=()
  for name in "$@"; do
    [[ -z ${chosen[${!name}]:-} ]] || echo "$name=${!name}: ${chosen[${!name}]} has the same"
    chosen[${!name}]=$name
  done
}

refuse_ports() {
  (($# > 0)) || return 0
  printf 'error: ports taken on %s; nothing was started or stopped:\n' "$BIND_ADDRESS" >&2
  printf '  %s\n' "$@" >&2
  printf 'Stop what uses them, or choose others in .env or so: %s=... ./run.sh\n' "${1%%=*}" >&2
  exit 1
}

# require_free_ports "OUR PIDS" VARIABLES...: lists all ports in use, then
# exits. A port that one of our own processes uses is allowed.
require_free_ports() {
  local ours=" $1 " name inode pid owner taken=()
  shift
  mapfile -t taken < <(same_ports "$@")
  for name in "$@"; do
    if inode=$(listener_inode "${!name}"); then
      owner='a process of another user'
      if pid=$(socket_pid "$inode"); then
        [[ $ours == *" $pid "* ]] && continue
        owner="$(cat "/proc/$pid/comm" 2>/dev/null || echo '?') (process $pid)"
      fi
      taken+=("$name=${!name}: used by $owner")
    fi
  done
  refuse_ports "${taken[@]}"
}

# The status code of a GET, in pure bash, because curl may be missing.
http_status() {
  local host=$1 port=$2 path=$3
  (
    exec 3<>"/dev/tcp/$host/$port" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$path" "$host" >&3
    IFS=' ' read -r -t 5 _ code _ <&3 || exit 1
    echo "$code"
  ) 2>/dev/null
}
