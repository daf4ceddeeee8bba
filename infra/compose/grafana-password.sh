#!/bin/sh
# Sets the password of Grafana's `admin` and stores it in a volume that Grafana reads
# (GF_SECURITY_ADMIN_PASSWORD__FILE): GRAFANA_ADMIN_PASSWORD, else the password of an earlier start,
# else a random one. The password itself is not printed, because logs are copied to more places than volumes.
set -eu

folder=/var/lib/grafana
file=$folder/password
shown=/run/grafana-password/password

keep() {
    # Readable by this user only, from the first byte on, and replaced atomically.
    (umask 377 && printf '%s' "$1" >"$file.new")
    mv -f "$file.new" "$file"
}

chmod 0700 "$folder"
rm -f "$file.new"

if [ -n "${GRAFANA_ADMIN_PASSWORD:-}" ]; then
    if [ -s "$file" ] && [ "$(cat "$file")" != "$GRAFANA_ADMIN_PASSWORD" ]; then
        echo "The password changed. Grafana keeps the one of its first start until you say:"
        echo "  docker compose exec grafana sh -c 'grafana cli admin reset-admin-password --password-from-stdin <$shown'"
    fi
    keep "$GRAFANA_ADMIN_PASSWORD"
    source="taken from GRAFANA_ADMIN_PASSWORD"
elif [ -s "$file" ]; then
    source="kept from an earlier start"
else
    keep "$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 24)"
    [ "$(wc -c <"$file")" -eq 24 ] || { rm -f "$file"; echo "no random bytes to be had" >&2; exit 1; }
    source="made at random"
fi

echo "Grafana at $GRAFANA_URL, user admin, password $source. To read it:"
echo "  docker compose exec grafana cat $shown"
