# shellcheck shell=bash
# Variables: the shell's take precedence, then .env, then the defaults here.
# The ports and the bind address are the same ones docker-compose.yml reads.

# Reads .env as data: nothing in it is evaluated, so a value with a `$(...)` is
# plain text. Quotes around a whole value are removed, as Compose does.
read_env_file() {
  local file=$1 line name value number=0
  local single="^'([^']*)'[[:space:]]*(#.*)?\$"
  local double='^"([^"]*)"[[:space:]]*(#.*)?$'
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    line=${line%$'\r'}
    line=${line#"${line%%[![:space:]]*}"}
    [[ -z $line || $line == '#'* ]] && continue
    if [[ ! $line =~ ^(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]]; then
      die "$file line $number is not NAME=value"
    fi
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    if [[ $value =~ $single ]]; then
      value=${BASH_REMATCH[1]}
    else
      [[ $value == *'$'* ]] &&
        warn "$file line $number: the '\$' in $name is taken as it stands; Compose would substitute it, unless it is in single quotes"
      if [[ $value =~ $double ]]; then
        value=${BASH_REMATCH[1]}
      else
        [[ $value == '#'* ]] && value=''
        value=${value%%[[:space:]]#*}
        value=${value%"${value##*[![:space:]]}"}
      fi
    fi
    set_unless_exported "$name" "$value" "$file line $number"
  done <"$file"
}

# An empty exported variable also takes precedence, to override a line of .env.
set_unless_exported() {
  local name=$1 value=$2 where=$3
  case $name in
    PATH | IFS | ENV | UID | EUID | PPID | SHELLOPTS | BASH* | LD_*)
      warn "$where: $name belongs to the shell and is left alone"
      return 0
      ;;
  esac
  if [[ -v $name && ${!name@a} == *x* ]]; then
    return 0
  fi
  export "$name=$value"
}

load_environment() {
  local file=${BELFRY_ENV_FILE:-.env}
  [[ -f $file ]] && read_env_file "$file"

  export BIND_ADDRESS=${BIND_ADDRESS:-127.0.0.1}
  export BACKEND_PORT=${BACKEND_PORT:-8000}
  export PROMETHEUS_PORT=${PROMETHEUS_PORT:-9090}
  export ALERTMANAGER_PORT=${ALERTMANAGER_PORT:-9093}
  export NODE_EXPORTER_PORT=${NODE_EXPORTER_PORT:-9100}
  export BLACKBOX_PORT=${BLACKBOX_PORT:-9115}
  export GRAFANA_PORT=${GRAFANA_PORT:-3001}
  export LOKI_PORT=${LOKI_PORT:-3100}

  local name
  for name in BACKEND_PORT PROMETHEUS_PORT ALERTMANAGER_PORT NODE_EXPORTER_PORT \
    BLACKBOX_PORT GRAFANA_PORT LOKI_PORT; do
    is_port "${!name}" ||
      die "$name is '${!name}'; expected a port from 1 to 65535"
  done
}

# is_off NAME: whether a switch of the backend is set to off, in any of the spellings that the backend takes, or by NAME_FILE.
# An empty value counts as unset, and each switch that is asked for here is on by default.
is_off() {
  local file=$1_FILE value=${!1:-}
  if [[ -z $value && -r ${!file:-} ]]; then value=$(<"${!file}"); fi
  value=${value%$'\r'}
  [[ ${value,,} =~ ^(false|0|no|off)$ ]]
}

is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && ((10#$1 >= 1 && 10#$1 <= 65535)); }

# Native mode and the tests write all their files here; git ignores the folder.
choose_state_folder() {
  state=${BELFRY_STATE:-$project_root/.belfry}
  [[ $state == /* ]] || state=$project_root/$state
}

# Data, logs and settings with secrets are in it, so it is closed to others from the beginning. One that is there already is
# closed if it is the project's own or has a lock of ours; another may be a folder of others, named by mistake.
make_state_folder() {
  if [[ ! -e $state ]]; then
    (umask 077 && mkdir -p -- "$state")
  elif [[ -O $state && ($state == "$project_root/.belfry" || -e $state/lock) ]]; then
    chmod go-rwx -- "$state"
  fi
}
