# shellcheck shell=bash
# Native mode: the whole stack as ordinary processes, with built-in defaults.

# In the order of their start. Names are those of the services in docker-compose.yml.
parts=(backend node-exporter blackbox-exporter alertmanager prometheus)
declare -A part_port=(
  [backend]=BACKEND_PORT [prometheus]=PROMETHEUS_PORT [alertmanager]=ALERTMANAGER_PORT
  [node-exporter]=NODE_EXPORTER_PORT [blackbox-exporter]=BLACKBOX_PORT
)
declare -A part_ready_path=(
  [backend]=/readyz [prometheus]=/-/ready [alertmanager]=/-/ready
  [node-exporter]=/ [blackbox-exporter]=/-/healthy
)
ready_seconds=60
# In .env for other services; the backend must not get them.
others_secrets=(
  GRAFANA_ADMIN_PASSWORD POSTGRES_PASSWORD
  ALERTMANAGER_TELEGRAM_BOT_TOKEN ALERTMANAGER_SLACK_API_URL ALERTMANAGER_EMAIL_PASSWORD ALERTMANAGER_PAGERDUTY_ROUTING_KEY
  ALERTMANAGER_OPSGENIE_API_KEY ALERTMANAGER_WEBHOOK_URL ALERTMANAGER_WEBHOOK_TOKEN ALERTMANAGER_WATCHDOG_URL
)

part_url() {
  local variable=${part_port[$1]}
  echo "http://$(host_port "$(local_address)" "${!variable}")"
}

part_is_ready() {
  local variable=${part_port[$1]}
  [[ $(http_status "$(local_address)" "${!variable}" "${part_ready_path[$1]}") == 200 ]]
}

# Sets argv to the command of a part. Only the backend gets this shell's
# variables, because the others do not need its secrets.
part_command() {
  local variable=${part_port[$1]} listen public=${PUBLIC_HOST:-localhost}
  listen=$(host_port "$BIND_ADDRESS" "${!variable}")
  local clean=(env --ignore-environment)
  # Unpacked programs look for their web pages here; see unpacking.sh.
  [[ -d $state/tools ]] && clean+=("--chdir=$state/tools")
  case $1 in
    backend)
      argv=(env "${others_secrets[@]/#/--unset=}" "$backend_binary" serve)
      ;;
    prometheus)
      argv=("${clean[@]}" "${tool[prometheus]}"
        "--config.file=$state/prometheus/prometheus.yml"
        "--storage.tsdb.path=$state/prometheus-data"
        "--storage.tsdb.retention.time=${PROMETHEUS_RETENTION_TIME:-35d}"
        "--storage.tsdb.retention.size=${PROMETHEUS_RETENTION_SIZE:-4GB}"
        --enable-feature=exemplar-storage
        "--web.listen-address=$listen" "--web.external-url=http://$public:$PROMETHEUS_PORT/")
      ;;
    alertmanager)
      # No gossip port: there is one Alertmanager.
      argv=("${clean[@]}" "${tool[alertmanager]}"
        "--config.file=$state/alertmanager/alertmanager.yml"
        "--storage.path=$state/alertmanager-data" --data.retention=120h
        "--web.listen-address=$listen" "--web.external-url=http://$public:$ALERTMANAGER_PORT/"
        --cluster.listen-address=)
      ;;
    node-exporter)
      argv=("${clean[@]}" "${tool[node-exporter]}" "--web.listen-address=$listen")
      ;;
    blackbox-exporter)
      argv=("${clean[@]}" "${tool[blackbox-exporter]}"
        "--config.file=$state/blackbox/blackbox.yml" "--web.listen-address=$listen")
      ;;
  esac
}

# Prints the data, other than its command, whose change requires a restart of a part.
part_facts() {
  case $1 in
    backend)
      local name
      for name in $(compgen -e | grep -E '__|^RUST_' | sort); do
        printf '%s=%s\n' "$name" "${!name}"
      done
      ;;
    # Prometheus reloads its targets by itself.
    prometheus) find "$state/prometheus" -type f -not -path '*/targets/*' -print0 | sort -z | xargs -0 sha256sum ;;
    alertmanager) sha256sum "$state"/alertmanager/{alertmanager.yml,messages.tmpl} ;;
    blackbox-exporter) sha256sum "$state/blackbox/blackbox.yml" ;;
  esac
}

# Whether the program has `check --print`: older versions do not.
can_check() {
  grep -q -e 'unrecognized subcommand' -e 'unexpected argument' "$1" || return 0
  warn 'this backend is older than its check of settings: they are judged only when it starts'
  return 1
}

# Seconds that a part has to stop by itself before it is killed; require_valid_settings sets the backend's.
declare -A part_grace=([backend]=60)
# What a stop may take beyond the backend's own limit, on a busy machine.
grace_margin=5

# Validates the backend's variables with `belfry check`, which also says how long its shutdown may take.
require_valid_settings() {
  local argv seconds log=$state/logs/check.log
  part_command backend
  argv[-1]=check
  if seconds=$("${argv[@]}" --print shutdown-seconds 2>"$log"); then
    part_grace[backend]=$((seconds + grace_margin))
    return 0
  fi
  can_check "$log" || return 0
  sed 's/^/  /' "$log" >&2
  die 'the backend would refuse these settings; nothing was started or stopped'
}

# Prometheus reads its flags before its configuration, so with a missing configuration file it either reports an invalid
# flag or the missing file, and ends.
require_valid_flags() {
  local argv log=$state/logs/flags.log none=$state/prometheus/none.yml
  part_command prometheus
  "${argv[@]/#--config.file=*/--config.file=$none}" >"$log" 2>&1 || true
  grep -q -F -- "$none" "$log" && return 0
  # The other lines are its help.
  sed -n '1s/^/  /p' "$log" >&2
  die 'Prometheus would not start with these settings; nothing was started or stopped'
}

# The backend's variables that differ from the binary's defaults in native mode.
set_backend_variables() {
  export SERVER__HOST=$BIND_ADDRESS SERVER__PORT=$BACKEND_PORT
  # As Prometheus names the target.
  [[ -n ${APP__INSTANCE_FILE:-} ]] || export APP__INSTANCE=${APP__INSTANCE:-$(host_port "$(local_address)" "$BACKEND_PORT")}
  # Links carry PUBLIC_HOST.
  [[ -n ${SERVER__ALLOWED_HOSTS_FILE:-} ]] || export SERVER__ALLOWED_HOSTS=${PUBLIC_HOST:-localhost},${SERVER__ALLOWED_HOSTS:-}
  export DATA__DIR=${DATA__DIR:-$state/data}
  export LOKI__ENABLED=${LOKI__ENABLED:-false}
  export PROMETHEUS__URL=${PROMETHEUS__URL:-http://$(host_port "$(local_address)" "$PROMETHEUS_PORT")}
  set_webhook_token
  set_viewer_variables
  if [[ $1 == dev ]]; then
    # As they are edited.
    export VIEWER__DASHBOARDS_DIR=${VIEWER__DASHBOARDS_DIR:-$project_root/dashboards}
    export LOG__LEVEL=${LOG__LEVEL:-debug}
    export APP__ENVIRONMENT=${APP__ENVIRONMENT:-development}
  fi
}

# With which Alertmanager sends alerts to the backend: made at random at the first start, unless it is set.
set_webhook_token() {
  webhook_token_file=$state/webhook-token
  if [[ -n ${ALERTS__WEBHOOK_TOKEN_FILE:-} ]]; then
    # Alertmanager may run in another folder.
    webhook_token_file=$(realpath --canonicalize-missing -- "$ALERTS__WEBHOOK_TOKEN_FILE")
  elif [[ -n ${ALERTS__WEBHOOK_TOKEN:-} ]]; then
    printf '%s' "$ALERTS__WEBHOOK_TOKEN" >"$webhook_token_file"
  else
    [[ -s $webhook_token_file ]] || head --bytes=30 /dev/urandom | base64 --wrap=0 >"$webhook_token_file"
    export ALERTS__WEBHOOK_TOKEN_FILE=$webhook_token_file
  fi
}

# Where the pages ask, and what they link to. There is no Grafana and no Loki here, unless .env names them.
set_viewer_variables() {
  local public=${PUBLIC_HOST:-localhost}
  export VIEWER__ALERTMANAGER_URL=${VIEWER__ALERTMANAGER_URL:-http://$(host_port "$(local_address)" "$ALERTMANAGER_PORT")}
  export VIEWER__PROMETHEUS_LINK=${VIEWER__PROMETHEUS_LINK:-http://$public:$PROMETHEUS_PORT}
  # Debian's has no pages.
  [[ ${tool[alertmanager]} == */prometheus-alertmanager ]] ||
    export VIEWER__ALERTMANAGER_LINK=${VIEWER__ALERTMANAGER_LINK:-http://$public:$ALERTMANAGER_PORT}
}

native_pids() {
  local part
  for part in "${parts[@]}"; do running_pid "$part" || true; done | tr '\n' ' '
}

# native_up release|dev
native_up() {
  local profile=$1 part argv print changed=() began
  local -A prints=()
  began=$(microseconds)
  take_lock
  mkdir -p -- "$state/pids" "$state/logs"
  require_free_ports "$(native_pids)" "${part_port[@]}"
  build_backend "$profile"
  # For all that is written from here on, by the parts too.
  umask 077
  require_monitoring_tools
  set_backend_variables "$profile"
  # Before anything is stopped, so that the running stack continues if the new settings are invalid.
  require_valid_settings
  render_configuration
  require_valid_flags

  for part in "${parts[@]}"; do
    part_command "$part"
    print=$(part_facts "$part" | fingerprint "${argv[@]}")
    prints[$part]=$print
    if ! running_pid "$part" >/dev/null; then
      was_started "$part" && say "$part had died and is started again (its log: $(log_file "$part").1)"
      changed+=("$part")
    elif [[ $(recorded_fingerprint "$part") != "$print" ]]; then
      say "$part runs with other settings and is restarted"
      changed+=("$part")
    fi
  done
  if ((${#changed[@]} == 0)); then
    say "Everything runs already; nothing was restarted."
    native_summary
    return 0
  fi

  record_start "$began"
  for part in "${changed[@]}"; do stop_part "$part" "$(recorded_grace "$part")"; done
  started_parts=()
  trap 'native_stop "${started_parts[@]}"' EXIT
  for part in "${changed[@]}"; do
    part_command "$part"
    started_parts+=("$part")
    start_part "$part" "${prints[$part]}" "${part_grace[$part]:-$default_grace}" "${argv[@]}"
  done
  wait_until_ready "${changed[@]}"
  trap - EXIT
  native_summary
}

wait_until_ready() {
  local part deadline=$((SECONDS + ready_seconds)) why
  for part in "$@"; do
    until part_is_ready "$part"; do
      why=''
      running_pid "$part" >/dev/null || why="$part ended at its start"
      ((SECONDS < deadline)) || why="$part was not ready within $ready_seconds s"
      if [[ -n $why ]]; then
        show_tail "$(log_file "$part")"
        die "$why; what was just started is stopped again"
      fi
      sleep 0.2
    done
    say "  $part is ready at $(part_url "$part")"
  done
}

# In reverse order of the start, so that Prometheus does not report the others as down.
native_stop() {
  local index part
  for ((index = $#; index > 0; index--)); do
    part=${!index}
    was_started "$part" || continue
    if running_pid "$part" >/dev/null; then say "Stopping $part"; fi
    stop_part "$part" "$(recorded_grace "$part")"
  done
}

native_is_known() { compgen -G "$state/pids/*" >/dev/null; }

# One line per part; fails unless all are up.
native_status() {
  local part pid word result=0
  for part in "${parts[@]}"; do
    pid='-'
    if pid=$(running_pid "$part"); then
      if part_is_ready "$part"; then word=up; else word='not ready' result=1; fi
    else
      pid='-' result=1
      if was_started "$part"; then word="died, see $(log_file "$part")"; else word=down; fi
    fi
    printf '%-18s pid %-8s %-28s %s\n' "$part" "$pid" "$(part_url "$part")" "$word"
  done
  return "$result"
}

# The pages that a browser can open.
say_viewer_addresses() {
  ! is_off VIEWER__ENABLED || return 0
  printf '  %-13s %s\n' Dashboards "$1/dashboards" Targets "$1/targets" Rules "$1/rules" Alerts "$1/alerts" Runbook "$1/runbook"
}

native_summary() {
  local url credentials='none needed' header=''
  if [[ ${AUTH__MODE:-off} == keys ]]; then
    credentials='a key (AUTH__MODE=keys); how to get the first: docs/operations.md#users-and-keys'
    # shellcheck disable=SC2016
    header='-H "Authorization: Bearer $KEY" '
  fi
  url=$(part_url backend)
  heading 'Belfry runs natively (no containers)'
  say_viewer_addresses "$url"
  printf '  %-13s %s\n' \
    Backend "$url" Prometheus "$(part_url prometheus)" Alertmanager "$(part_url alertmanager)" \
    'Node metrics' "$(part_url node-exporter)" Probes "$(part_url blackbox-exporter)" \
    Credentials "$credentials" State "$state" Logs './run.sh logs'
  say "  $alertmanager_receivers"
  [[ ${tool[alertmanager]} == */prometheus-alertmanager ]] &&
    say '  Alertmanager: Debian packages it without pages; its API and amtool work.'
  say '  Grafana and Loki run only in containers. The dashboards are shown by the backend itself.'
  ! is_off PROMETHEUS__ENABLED ||
    say "  The backend's metrics are off (PROMETHEUS__ENABLED); Prometheus keeps what it has."
  say
  say 'Try next:'
  say "  curl ${header}-F file=@data/penguins.csv $url/api/v1/datasets"
  say '  ./run.sh demo      realistic traffic for a minute'
  say '  ./run.sh status    what runs (--wait: until the dashboards have data);  ./run.sh down stops it'
}
