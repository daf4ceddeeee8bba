# shellcheck shell=bash
# Messages for the user: one line each; only errors go to stderr.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' plain=$'\e[0m'
else
  bold='' plain=''
fi

say() { printf '%s\n' "$*"; }

heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

warn() { printf 'warning: %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Whether a program is on PATH.
have() { command -v "$1" >/dev/null 2>&1; }

# The last lines of a log, indented like a quotation.
show_tail() {
  local file=$1
  [[ -s $file ]] || { say "  ($file is empty)" >&2; return 0; }
  say "  last lines of $file:" >&2
  tail -n 25 -- "$file" | sed 's/^/  | /' >&2
}
