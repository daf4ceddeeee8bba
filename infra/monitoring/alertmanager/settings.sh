# shellcheck shell=sh
# The variables of the receivers, for render.sh: what they are, and a sentence for each that cannot be used.
# Each secret can also be given as NAME_FILE, the path of a file that holds it.
# shellcheck disable=SC2016 # The backquotes are those of the sentences.

secrets='TELEGRAM_BOT_TOKEN SLACK_API_URL EMAIL_PASSWORD PAGERDUTY_ROUTING_KEY OPSGENIE_API_KEY
  WEBHOOK_URL WEBHOOK_TOKEN WATCHDOG_URL'
others='NOTIFY_BACKEND TELEGRAM_CHAT_ID TELEGRAM_API_URL SLACK_CHANNEL EMAIL_TO EMAIL_FROM EMAIL_SMARTHOST
  EMAIL_USERNAME EMAIL_REQUIRE_TLS PAGERDUTY_URL OPSGENIE_API_URL'

problems=0
# The first variable that switches the receiver on which is being read.
since=''
value=''

# problem VARIABLE FOUND EXPECTED
problem() {
  problems=$((problems + 1))
  # Not echo, which takes backslashes in values for escapes.
  printf '%s\n' "$1: found $2, expected $3" >&2
}

# setting NAME DEFAULT KIND: sets `value`. Empty counts as unset.
setting() {
  eval "value=\${ALERTMANAGER_$1:-}"
  use "ALERTMANAGER_$1" "\`$value\`" "$3"
  value=${value:-$2}
}

# secret NAME KIND: sets `value`, which is never shown.
secret() {
  variable=ALERTMANAGER_$1
  eval "value=\${$variable:-} file=\${${variable}_FILE:-}"
  if [ -z "$file" ]; then
    use "$variable" 'a value that is not shown' "$2"
  elif [ -n "$value" ]; then
    problem "$variable" "both $variable and ${variable}_FILE" 'one of the two'
  elif [ ! -f "$file" ] || [ ! -r "$file" ]; then
    # Most often the secret itself, if it is no path.
    case $file in /* | .*) file="the path \`$file\`" ;; *) file='a path that is not shown' ;; esac
    problem "${variable}_FILE" "$file" 'the path of a file that can be read here'
  else
    # The end of its last line is not part of it.
    value=$(cat <"$file")
    value=${value%"$carriage_return"}
    [ -n "$value" ] || problem "${variable}_FILE" "the file \`$file\`, which is empty" 'a file that holds the secret'
    use "${variable}_FILE" 'a file whose content is not shown' "$2"
  fi
}

# use VARIABLE FOUND KIND: records that the receiver is switched on, and checks the value.
use() {
  [ -n "$value" ] || return 0
  since=${since:-$1}
  "is_$3" "$value" || problem "$1" "$2" "$expected"
}

# required NAME EXPECTED: the other half of a receiver. One that was refused was already reported.
required() {
  [ -n "$since" ] || return 0
  eval "[ -z \"\${ALERTMANAGER_$1:-}\${ALERTMANAGER_${1}_FILE:-}\" ]" || return 0
  problem "ALERTMANAGER_$1" nothing "$2, because $since is set"
}

carriage_return=$(printf '\r')
# What YAML also takes for the end of a line, in UTF-8: next line, line separator, paragraph separator.
next_line=$(printf '\302\205')
line_separator=$(printf '\342\200\250')
paragraph_separator=$(printf '\342\200\251')

# The kinds of values. Each sets `expected`.

is_line() {
  expected='one line without control characters'
  case $1 in
  *[[:cntrl:]]* | *"$next_line"* | *"$line_separator"* | *"$paragraph_separator"*) return 1 ;;
  esac
}

# Alertmanager takes many values for templates, so one with `{{` would not arrive as it is.
is_text() {
  is_line "$1" || return 1
  expected='a text without `{{`, which Alertmanager would take for a template'
  case $1 in *'{{'*) return 1 ;; esac
}

is_word() {
  expected='letters, digits and signs without spaces and without `{{`'
  case $1 in *[!!-~]* | *'{{'*) return 1 ;; esac
}

is_bot_token() {
  expected='a token of @BotFather such as 123456:ABC-DEF'
  case ${1%%:*} in '' | *[!0-9]*) return 1 ;; esac
  case ${1#*:} in '' | *[!A-Za-z0-9_-]*) return 1 ;; esac
  case $1 in *:*) ;; *) return 1 ;; esac
}

is_chat() {
  expected='the number of a chat, such as -1001234567890'
  case ${1#-} in '' | 0* | *[!0-9]*) return 1 ;; esac
  # Alertmanager reads it into 64 bits.
  [ ${#1} -le 18 ]
}

is_url() {
  expected='a URL such as https://host/path, without spaces'
  case $1 in http://* | https://*) ;; *) return 1 ;; esac
  case $1 in *[!!-~]* | *'{{'* | *'"'* | *\\*) return 1 ;; esac
  host=${1#*://}
  host=${host%%[/?#]*}
  is_host_and_port "${host##*@}"
}

# One that can stand in a template and in a replacement of sed.
is_link() {
  is_url "$1" || return 1
  expected='a URL of letters, digits and the signs of an address'
  case $1 in *[!A-Za-z0-9_.:/~%[\]-]*) return 1 ;; esac
}

# host, host:port, [v6] or [v6]:port
is_host_and_port() {
  case $1 in
  \[*\]) port=1 ;;
  \[*\]:*) port=${1##*\]:} ;;
  *:*:*) return 1 ;;
  ?*:*) port=${1#*:} ;;
  '' | :*) return 1 ;;
  *) port=1 ;;
  esac
  is_port "$port"
}

is_port() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  [ ${#1} -le 5 ] && [ "$1" -ge 1 ] && [ "$1" -le 65535 ]
}

is_smarthost() {
  expected='the host and port of a mail server, such as smtp.example.com:587'
  case $1 in *:*) ;; *) return 1 ;; esac
  case $1 in *[!!-~]* | */* | *@* | *\]) return 1 ;; esac
  is_host_and_port "$1"
}

is_address() {
  is_text "$1" || return 1
  expected='an e-mail address such as alerts@example.com'
  case $1 in *?@?*) ;; *) return 1 ;; esac
}

# As the backend reads them.
is_switch() {
  expected='`true` or `false`'
  case $1 in true | false) return 0 ;; esac
  case $(printf '%s' "$1" | tr '[:upper:]' '[:lower:]') in
  true | 1 | yes | on) value=true ;;
  false | 0 | no | off) value=false ;;
  *) return 1 ;;
  esac
}

is_mode() {
  expected='`notify` or `observe`'
  case $1 in notify | observe) ;; *) return 1 ;; esac
}

# A misspelt variable would be missed when it is too late.
refuse_unknown_variables() {
  names=$(env | sed -n -E 's/^ALERTMANAGER_((MODE|NOTIFY|TELEGRAM|SLACK|EMAIL|PAGERDUTY|OPSGENIE|WEBHOOK|WATCHDOG)(_[A-Za-z0-9_]*)?)=.*/\1/p')
  for name in $names; do
    is_known=no
    for known in $others $secrets; do
      [ "$name" != "$known" ] || is_known=yes
    done
    for known in $secrets; do
      [ "$name" != "${known}_FILE" ] || is_known=yes
    done
    [ $is_known = yes ] || problem "ALERTMANAGER_$name" 'a variable that does not exist' 'one of those in .env.example'
  done
}
