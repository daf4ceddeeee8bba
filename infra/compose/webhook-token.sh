#!/bin/sh
# Stores the token with which Alertmanager sends alerts to the backend in a volume that only these two read:
# ALERTS__WEBHOOK_TOKEN, else that of an earlier start, else a random one.
set -eu

file=/alertmanager/token

keep() {
    # Readable by Alertmanager's user and the backend's group, from the first byte on, and replaced atomically.
    (umask 337 && printf '%s' "$1" >"$file.new")
    mv -f "$file.new" "$file"
}

rm -f "$file.new"

if [ -n "${ALERTS__WEBHOOK_TOKEN:-}" ]; then
    keep "$ALERTS__WEBHOOK_TOKEN"
    source="taken from ALERTS__WEBHOOK_TOKEN"
elif [ -s "$file" ]; then
    source="kept from an earlier start"
else
    keep "$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40)"
    [ "$(wc -c <"$file")" -eq 40 ] || { rm -f "$file"; echo "no random bytes to be had" >&2; exit 1; }
    source="made at random"
fi

echo "The token with which Alertmanager sends alerts to the backend was $source."
