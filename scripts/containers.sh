# shellcheck shell=bash
# The stack in containers, if a Docker engine and Compose v2 are available.

engine_answers() {
  have docker && timeout 15 docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

# The reason why containers cannot be used, for a message.
no_engine_because() {
  if ! have docker; then
    echo 'there is no docker command'
  elif ! timeout 15 docker info >/dev/null 2>&1; then
    echo 'no Docker engine answers'
  else
    echo 'docker has no Compose v2'
  fi
}

containers_are_known() { [[ -n $(docker compose ps --all --quiet 2>/dev/null) ]]; }

# The published ports, and the service that uses each.
declare -A service_port=(
  [backend]=BACKEND_PORT [prometheus]=PROMETHEUS_PORT [grafana]=GRAFANA_PORT [loki]=LOKI_PORT
  [alertmanager]=ALERTMANAGER_PORT [node-exporter]=NODE_EXPORTER_PORT
)

# require_free_container_ports [COMPOSE OPTIONS...]
require_free_container_ports() {
  local service running variables=() same
  [[ " $* " != *' docker-compose.dev.yml '* ]] || service_port[blackbox-exporter]=BLACKBOX_PORT
  mapfile -t same < <(same_ports "${service_port[@]}")
  refuse_ports "${same[@]}"
  # Such as `backend 127.0.0.1:8000->8000/tcp`. A running service uses its port, unless its port is being changed.
  running=$(docker compose ps --status running --format '{{.Service}} {{.Ports}}' 2>/dev/null) || running=''
  for service in "${!service_port[@]}"; do
    grep -q -- "^$service .*:${!service_port[$service]}->" <<<"$running" || variables+=("${service_port[$service]}")
  done
  ((${#variables[@]} == 0)) || require_free_ports '' "${variables[@]}"
}

# containers_up [COMPOSE OPTIONS...]
containers_up() {
  local began
  began=$(microseconds)
  # The Dockerfile expects a keyword here; native mode also accepts a path.
  [[ ${BELFRY_BINARY:-} != */* ]] || unset BELFRY_BINARY
  require_free_container_ports "$@"
  say "Building the backend image (the first time up to $(first_build_minutes release) minutes on $(nproc) cores, later less)"
  docker compose "$@" build backend || {
    docker image inspect "${BELFRY_IMAGE:-belfry-backend:0.1.0}" >/dev/null 2>&1 || die 'the backend image could not be built'
    warn 'the backend image could not be built anew; the one built before is used'
  }
  # Before anything is stopped, so that the running stack continues if the new settings are invalid.
  require_valid_container_settings "$@"
  say 'Starting the stack in containers'
  record_start "$began"
  docker compose "$@" up --detach --wait || {
    docker compose "$@" ps --all
    die 'the stack did not become healthy; ./run.sh logs shows why'
  }
  containers_summary
}

# Validates the backend's settings in its container, and has Compose wait as long as they say that its shutdown may take.
require_valid_container_settings() {
  local log seconds
  log=$(mktemp)
  # Without the webhook's token, which the first start makes.
  if seconds=$(docker compose "$@" run --rm --no-deps --no-TTY --env ALERTS__WEBHOOK_TOKEN_FILE= --env ALERTS__WEBHOOK_TOKEN \
    backend check --print shutdown-seconds 2>"$log"); then
    export_stop_grace_period "$seconds"
  elif can_check "$log"; then
    cat "$log" >&2
    rm -- "$log"
    die 'the backend would refuse these settings; nothing was started or stopped'
  fi
  require_valid_receivers "$@"
  rm -- "$log"
}

# Whether Alertmanager's container can render its configuration; files with secrets are only in there. A misspelt variable does
# not reach it. In place of the token, which the first start makes, stands some file that is there.
require_valid_receivers() {
  local said
  if ! said=$(
    # shellcheck source=infra/monitoring/alertmanager/settings.sh
    (source infra/monitoring/alertmanager/settings.sh && refuse_unknown_variables && ((problems == 0))) 2>&1 &&
      docker compose "$@" run --rm --no-deps --no-TTY --env ALERTMANAGER_BACKEND_TOKEN_FILE=/etc/hosts --entrypoint sh \
        alertmanager /etc/alertmanager/render.sh files /run/alertmanager 2>&1
  ); then
    if grep -E '^ALERT' <<<"$said" >&2; then die 'Alertmanager would not take these settings; nothing was started or stopped'; fi
    printf '%s\n' "$said" >&2
    die 'what Alertmanager would send to could not be checked; nothing was started or stopped'
  fi
  alertmanager_receivers=$(grep -E '^Alertmanager ' <<<"$said") || true
}

# Unless it is set. No less than the default of docker-compose.yml, so that a plain `docker compose up` finds nothing changed.
# The engine keeps the value with the container, so `down` needs none.
export_stop_grace_period() {
  local seconds=$(($1 + grace_margin))
  ((seconds >= 30)) || seconds=30
  export STOP_GRACE_PERIOD=${STOP_GRACE_PERIOD:-${seconds}s}
}

containers_summary() {
  local host url
  host=$(local_address)
  url=http://$(host_port "$host" "$BACKEND_PORT")
  heading 'Belfry runs in containers'
  say_viewer_addresses "$url"
  printf '  %-13s %s\n' \
    Backend "$url" Grafana "http://$(host_port "$host" "$GRAFANA_PORT")" \
    Prometheus "http://$(host_port "$host" "$PROMETHEUS_PORT")" \
    Alertmanager "http://$(host_port "$host" "$ALERTMANAGER_PORT")" \
    Loki "http://$(host_port "$host" "$LOKI_PORT")"
  say "  $alertmanager_receivers"
  say "  Grafana's user is admin; its password: docker compose exec grafana cat /run/grafana-password/password"
  say
  say 'Try next:'
  say "  curl -F file=@data/penguins.csv $url/api/v1/datasets"
  say '  ./run.sh demo      realistic traffic for a minute'
  say '  ./run.sh status    what runs (--wait: until the dashboards have data);  ./run.sh down stops it and keeps its data'
}
