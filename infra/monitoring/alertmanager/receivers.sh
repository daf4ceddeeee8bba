# shellcheck shell=sh
# What is added to the receivers, for render.sh: for each service one block of YAML, empty where it is switched off.
# shellcheck disable=SC2034,SC2154 # The variables with these blocks are set by the names of the services.

newline='
'

# quote VALUE: sets `quoted` to it in YAML's single quotes, within which only that quote is special.
quote() {
  rest=$1 quoted=''
  while :; do
    case $rest in
    *\'*) quoted="$quoted${rest%%\'*}''" rest=${rest#*\'} ;;
    *) break ;;
    esac
  done
  quoted="'$quoted$rest'"
}

# hide FIELD NAME SECRET: sets `hidden` to the line with a secret, or with the file that holds it. Sets `quoted` as well.
hide() {
  if [ "$form" = files ]; then
    [ -d "$folder/secrets" ] || mkdir "$folder/secrets"
    printf '%s' "$3" >"$folder/secrets/$2"
    quote "$folder/secrets/$2"
    hidden="${1}_file: $quoted"
  else
    quote "$3"
    hidden="$1: $quoted"
  fi
}

# A redirect would carry the token to another host.
bearer() {
  printf '%s\n' '        http_config:' '          follow_redirects: false' '          authorization:' "            $1"
}

# Its alerts are kept and shown there. Not more in one message than it takes.
backend_block() {
  [ "$backend" = true ] || return 0
  quote "$backend_url"
  printf '%s\n' "      - url: $quoted" '        max_alerts: 500'
  quote "$backend_token_file"
  bearer "credentials_file: $quoted"
}

webhook_block() {
  [ -n "$webhook_url" ] || return 0
  hide url webhook_url "$webhook_url"
  printf '%s\n' "      - $hidden" '        max_alerts: 500'
  [ -n "$webhook_token" ] || return 0
  hide credentials webhook_token "$webhook_token"
  bearer "$hidden"
}

# What watches from outside takes each message as a sign of life.
watchdog_block() {
  [ -n "$watchdog_url" ] || return 0
  hide url watchdog_url "$watchdog_url"
  printf '%s\n' "      - $hidden" '        send_resolved: false'
}

telegram_block() {
  [ -n "$telegram_token" ] || return 0
  hide bot_token telegram_bot_token "$telegram_token"
  quote "$telegram_url"
  cat <<YAML
    telegram_configs:
      - $hidden
        chat_id: $telegram_chat
        api_url: $quoted
        parse_mode: HTML
        message: '{{ template "belfry.telegram" . }}'
YAML
}

slack_block() {
  [ -n "$slack_url" ] || return 0
  hide api_url slack_api_url "$slack_url"
  cat <<YAML
    slack_configs:
      - $hidden
        send_resolved: true
        title: '{{ template "belfry.title" . }}'
        title_link: '{{ template "belfry.alerts_page" . }}'
        fallback: '{{ template "belfry.title" . }}'
        text: '{{ template "belfry.slack" . }}'
YAML
  # Otherwise the webhook's own.
  [ -n "$slack_channel" ] || return 0
  quote "$slack_channel"
  printf '%s\n' "        channel: $quoted"
}

email_block() {
  [ -n "$email_to" ] || return 0
  quote "$email_to"
  printf '%s\n' '    email_configs:' "      - to: $quoted"
  quote "$email_from"
  printf '%s\n' "        from: $quoted"
  quote "$email_smarthost"
  printf '%s\n' "        smarthost: $quoted"
  if [ -n "$email_username" ]; then
    quote "$email_username"
    printf '%s\n' "        auth_username: $quoted"
    hide auth_password email_password "$email_password"
    printf '%s\n' "        $hidden"
  fi
  cat <<YAML
        require_tls: $email_require_tls
        send_resolved: true
        headers:
          Subject: '{{ template "belfry.title" . }}'
        text: '{{ template "belfry.email.text" . }}'
        html: '{{ template "belfry.email.html" . }}'
YAML
}

pagerduty_block() {
  [ -n "$pagerduty_key" ] || return 0
  hide routing_key pagerduty_routing_key "$pagerduty_key"
  quote "$pagerduty_url"
  cat <<YAML
    pagerduty_configs:
      - $hidden
        url: $quoted
        client: Belfry
        client_url: '{{ template "belfry.alerts_page" . }}'
        source: '{{ template "belfry.source" . }}'
        severity: '{{ template "belfry.pagerduty.severity" . }}'
        description: '{{ template "belfry.summary" . }}'
        details:
          firing: '{{ template "belfry.list" .Alerts.Firing }}'
          resolved: '{{ template "belfry.list" .Alerts.Resolved }}'
YAML
}

opsgenie_block() {
  [ -n "$opsgenie_key" ] || return 0
  hide api_key opsgenie_api_key "$opsgenie_key"
  quote "$opsgenie_url"
  cat <<YAML
    opsgenie_configs:
      - $hidden
        api_url: $quoted
        message: '{{ template "belfry.opsgenie.message" . }}'
        description: '{{ template "belfry.opsgenie.description" . }}'
        source: '{{ template "belfry.source" . }}'
        priority: '{{ template "belfry.opsgenie.priority" . }}'
YAML
}

# integrations KINDS: the blocks for a receiver, as its comment in alertmanager.yml lists them.
integrations() {
  webhooks=''
  for kind in backend messages pagers watchdog; do
    case ", $1," in *", $kind,"*) ;; *) continue ;; esac
    case $kind in
    backend) webhooks=$webhooks$backend_lines ;;
    messages) webhooks=$webhooks$webhook_lines; printf '%s' "$telegram_lines$slack_lines$email_lines" ;;
    pagers) printf '%s' "$pagerduty_lines$opsgenie_lines" ;;
    watchdog) webhooks=$webhooks$watchdog_lines ;;
    esac
  done
  [ -z "$webhooks" ] || printf '    webhook_configs:\n%s' "$webhooks"
}

# Called once, since every receiver gets the same blocks. A substitution drops the last line end, which is put back.
prepare_blocks() {
  for service in backend webhook watchdog telegram slack email pagerduty opsgenie; do
    lines=$("${service}_block")
    eval "${service}_lines=\$lines\${lines:+\$newline}"
  done
}
