#!/bin/sh
# Starts Alertmanager in its container, with the configuration rendered into memory: see render.sh.
set -eu
sh /etc/alertmanager/render.sh files /run/alertmanager
exec /bin/alertmanager --config.file=/run/alertmanager/alertmanager.yml "$@"
