#!/bin/sh
# Renders Alertmanager's configuration: alertmanager.yml of this folder, with what ALERTMANAGER_* switches on added to its
# receivers, and messages.tmpl.
#
#   render.sh files|inline FOLDER
#
# files: secrets are written to files next to it, which the configuration names, as the pinned Alertmanager can read them.
# inline: they are in the configuration, for Alertmanager 0.25, which knows neither bot_token_file nor url_file.
# Either way nobody else can read what is written. A variable that cannot be used is refused, and nothing is written: exit 2.
# Runs in the shells of BusyBox and Debian.
set -eu
umask 077

here=$(dirname "$0")
# shellcheck source=infra/monitoring/alertmanager/settings.sh
. "$here/settings.sh"
# shellcheck source=infra/monitoring/alertmanager/receivers.sh
. "$here/receivers.sh"

[ $# -eq 2 ] || { echo 'render.sh takes files or inline, and a folder' >&2; exit 2; }
form=$1 folder=$2
case $form in files | inline) ;; *) echo "render.sh: found $form, expected files or inline" >&2; exit 2 ;; esac

refuse_unknown_variables

# The backend's own variable, so that there is one for both.
mode=${ALERTS__MODE:-notify}
is_mode "$mode" || problem ALERTS__MODE "\`$mode\`" "$expected"
[ -z "${ALERTS__MODE_FILE:-}" ] || problem ALERTS__MODE_FILE 'a file' 'ALERTS__MODE itself, which Alertmanager needs as well'

setting NOTIFY_BACKEND true switch
backend=$value

since=''
secret TELEGRAM_BOT_TOKEN bot_token
telegram_token=$value
setting TELEGRAM_CHAT_ID '' chat
telegram_chat=$value
setting TELEGRAM_API_URL https://api.telegram.org url
telegram_url=$value
required TELEGRAM_BOT_TOKEN 'the token of a bot'
required TELEGRAM_CHAT_ID 'the number of a chat, such as -1001234567890'

since=''
secret SLACK_API_URL url
slack_url=$value
setting SLACK_CHANNEL '' text
slack_channel=$value
required SLACK_API_URL 'the URL of an incoming webhook'

since=''
setting EMAIL_TO '' address
email_to=$value
setting EMAIL_FROM '' address
email_from=$value
setting EMAIL_SMARTHOST '' smarthost
email_smarthost=$value
setting EMAIL_REQUIRE_TLS true switch
email_require_tls=$value
setting EMAIL_USERNAME '' line
email_username=$value
secret EMAIL_PASSWORD line
email_password=$value
required EMAIL_TO 'the address of who is notified'
required EMAIL_FROM 'the address of the sender'
required EMAIL_SMARTHOST 'the host and port of a mail server'
# A server may need no login, but a login has both.
since=${email_username:+ALERTMANAGER_EMAIL_USERNAME}
required EMAIL_PASSWORD 'the password of that login'
since=${email_password:+ALERTMANAGER_EMAIL_PASSWORD}
required EMAIL_USERNAME 'the name of the login'

since=''
secret PAGERDUTY_ROUTING_KEY word
pagerduty_key=$value
setting PAGERDUTY_URL https://events.pagerduty.com/v2/enqueue url
pagerduty_url=$value
required PAGERDUTY_ROUTING_KEY 'the integration key of a service'

since=''
secret OPSGENIE_API_KEY word
opsgenie_key=$value
setting OPSGENIE_API_URL https://api.opsgenie.com url
opsgenie_url=$value
required OPSGENIE_API_KEY 'the API key of an integration'

since=''
secret WEBHOOK_URL url
webhook_url=$value
secret WEBHOOK_TOKEN word
webhook_token=$value
required WEBHOOK_URL 'the URL that takes the alerts'

secret WATCHDOG_URL url
watchdog_url=$value

# These three are set by the stack, not by its users.
backend_url=${ALERTMANAGER_BACKEND_URL:-http://backend:8000/api/v1/alerts/webhook}
backend_token_file=${ALERTMANAGER_BACKEND_TOKEN_FILE:-}
dashboards_url=${ALERTMANAGER_DASHBOARDS_URL:-http://localhost:8000}
is_link "$dashboards_url" || problem ALERTMANAGER_DASHBOARDS_URL "\`$dashboards_url\`" "$expected"
if [ "$backend" = true ] && { [ ! -r "$backend_token_file" ] || [ ! -s "$backend_token_file" ]; }; then
  problem ALERTMANAGER_BACKEND_TOKEN_FILE "the path \`$backend_token_file\`" \
    'a file with the token of the backend, or ALERTMANAGER_NOTIFY_BACKEND=false'
fi

[ "$problems" -eq 0 ] || exit 2

# Alerts are evaluated, routed and kept by the backend as always. The sign of life goes on: without it somebody is woken.
if [ "$mode" = observe ]; then
  telegram_token='' slack_url='' email_to='' pagerduty_key='' opsgenie_key='' webhook_url=''
fi

mkdir -p "$folder"
rm -rf "$folder/secrets"
prepare_blocks

filled=0
while IFS= read -r line || [ -n "$line" ]; do
  printf '%s\n' "$line"
  case $line in
  '  - name: '*' # '*)
    integrations "${line##* # }"
    filled=$((filled + 1))
    ;;
  esac
done <"$here/alertmanager.yml" >"$folder/alertmanager.yml"
[ "$filled" -gt 0 ] || { echo "$here/alertmanager.yml has no receiver with a comment that says what it gets" >&2; exit 1; }

# Links in messages lead to the pages of the backend.
sed "s#http://localhost:8000#$dashboards_url#g" "$here/messages.tmpl" >"$folder/messages.tmpl"

notified=''
for service in backend telegram slack email pagerduty opsgenie webhook watchdog; do
  eval "[ -z \"\$${service}_lines\" ] || notified=\"\$notified, \$service\""
done
notified=${notified#, }
case $mode in
observe) echo "Alertmanager notifies nobody (ALERTS__MODE=observe). It sends to: ${notified:-nothing}" ;;
*) echo "Alertmanager sends to: ${notified:-nothing}" ;;
esac
