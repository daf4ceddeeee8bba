# shellcheck shell=bash
# The stack's configuration, with the addresses of native mode.
#
# In containers the parts reach each other by service name. Natively they are
# reached at BIND_ADDRESS and the ports of .env, so each `service:port` is replaced;
# the two modes have no other differences.

# service:port inside the containers, and the variable of the port outside.
container_addresses=(
  backend:8000=BACKEND_PORT
  prometheus:9090=PROMETHEUS_PORT
  localhost:9090=PROMETHEUS_PORT
  alertmanager:9093=ALERTMANAGER_PORT
  node-exporter:9100=NODE_EXPORTER_PORT
  blackbox-exporter:9115=BLACKBOX_PORT
)

# The sed script of those replacements; `my-backend:8000` is another service.
address_replacements() {
  local pair variable
  for pair in "${container_addresses[@]}"; do
    variable=${pair#*=}
    printf 's#(^|[^A-Za-z0-9_.-])%s\\b#\\1%s#g\n' "${pair%%=*}" "$(host_port "$(local_address)" "${!variable}")"
  done
}

render_configuration() {
  local area
  for area in prometheus blackbox; do
    render_folder "infra/monitoring/$area" "$state/$area"
  done
  "${tool[promtool]}" check config "$state/prometheus/prometheus.yml" >"$state/logs/promtool.log" 2>&1 ||
    { show_tail "$state/logs/promtool.log"; die 'Prometheus would not accept its configuration; nothing was started or stopped'; }
  render_alertmanager
}

# What Alertmanager sends, and to whom, as render.sh says it.
alertmanager_receivers=''

# In a folder beside that of the running Alertmanager until it is known to be valid.
render_alertmanager() {
  local file new=$state/alertmanager.new log=$state/logs/amtool.log
  alertmanager_receivers=$(
    export ALERTMANAGER_BACKEND_TOKEN_FILE=$webhook_token_file
    export ALERTMANAGER_BACKEND_URL ALERTMANAGER_DASHBOARDS_URL=http://${PUBLIC_HOST:-localhost}:$BACKEND_PORT
    ALERTMANAGER_BACKEND_URL=http://$(host_port "$(local_address)" "$BACKEND_PORT")/api/v1/alerts/webhook
    infra/monitoring/alertmanager/render.sh inline "$new" 2>"$log"
  ) || { sed 's/^/  /' "$log" >&2; die 'Alertmanager would not take these settings; nothing was started or stopped'; }
  "${tool[amtool]}" check-config "$new/alertmanager.yml" >"$log" 2>&1 ||
    { show_tail "$log"; die 'Alertmanager would not accept its configuration; nothing was started or stopped'; }
  mkdir -p -- "$state/alertmanager"
  for file in alertmanager.yml messages.tmpl; do mv -- "$new/$file" "$state/alertmanager/$file"; done
  rmdir -- "$new"
}

# As a fresh clone has it, without anything that this shell exports.
check_alertmanager_configuration() {
  local folder
  folder=$(mktemp -d)
  env --ignore-environment PATH="$PATH" ALERTMANAGER_NOTIFY_BACKEND=false infra/monitoring/alertmanager/render.sh inline "$folder"
  "${tool[amtool]}" check-config "$folder/alertmanager.yml"
  rm -r -- "$folder"
}

# Writes changed files and removes deleted ones; each file is replaced atomically,
# because Prometheus reads its targets whenever they change.
render_folder() {
  local from=$1 to=$2 file script
  script=$(address_replacements)
  mkdir -p -- "$to"
  while IFS= read -r -d '' file; do
    mkdir -p -- "$(dirname -- "$to/$file")"
    sed -E -e "$script" -- "$from/$file" >"$to/$file.new"
    if cmp -s -- "$to/$file.new" "$to/$file"; then rm -- "$to/$file.new"; else mv -- "$to/$file.new" "$to/$file"; fi
  done < <(rendered_files "$from")
  while IFS= read -r -d '' file; do
    [[ -e $from/$file ]] || rm -- "$to/$file"
  done < <(rendered_files "$to")
}

# Rule tests are for promtool; the targets of Loki and Grafana have no process here.
rendered_files() {
  find "$1" -type f \( -name '*.yml' -o -name '*.yaml' -o -name '*.json' -o -name '*.tmpl' \) \
    -not -path '*/tests/*' -not -path '*/targets/loki.*' -not -path '*/targets/grafana.*' -printf '%P\0'
}
