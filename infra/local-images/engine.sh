#!/usr/bin/env bash
# Provides a container engine for the compose tests on a machine that has none.
#
#   engine.sh start FOLDER   prints the variables to use it, as shell lines; progress goes to stderr
#   engine.sh stop FOLDER    stops only the engine that `start` started with this FOLDER
#
# If an engine already responds, `start` starts none. Otherwise, as root on Debian, it installs the
# packages, starts an engine with its data, socket and process id inside FOLDER, and takes the compose and
# buildx plugins from the next Debian release, unpacked inside FOLDER. Exit 77: not possible on this machine.
set -euo pipefail

cannot() { echo "no container engine: $*" >&2; exit 77; }
say() { echo "engine: $*" >&2; }
# `docker info` succeeds without an engine in some versions.
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }

[ $# -eq 2 ] || usage
action=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
socket=$folder/docker.sock
pidfile=$folder/dockerd.pid

# The process that `start` recorded, unless its process id is now used by another one.
own_engine() {
    local pid
    [ -s "$pidfile" ] || return 1
    pid=$(cat "$pidfile")
    [ -r "/proc/$pid/cmdline" ] && [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"--pidfile $pidfile "* ]] && echo "$pid"
}

packages() {
    local wanted=()
    command -v dockerd >/dev/null || wanted+=(docker.io)
    command -v docker >/dev/null || wanted+=(docker.io)
    command -v iptables >/dev/null || wanted+=(iptables)
    command -v debootstrap >/dev/null || wanted+=(debootstrap)
    [ ${#wanted[@]} -gt 0 ] || return 0
    say "installing ${wanted[*]}"
    apt-get update -qq >&2 || cannot "the package lists cannot be read"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2 ||
        cannot "the packages ${wanted[*]} cannot be installed"
}

# Limits need the kernel's control groups; some small machines start without them mounted.
control_groups() {
    if ! mountpoint -q /sys/fs/cgroup; then
        say "mounting the control groups"
        mount -t cgroup2 none /sys/fs/cgroup || cannot "control groups cannot be mounted"
    fi
}

start_engine() {
    local tries
    if own_engine >/dev/null; then
        return 0
    fi
    rm -f "$socket" "$pidfile"
    control_groups
    say "starting one, log in $folder/dockerd.log"
    # In its own session and without our output: it must continue after this script and not keep its pipes open.
    setsid dockerd --data-root "$folder/data" --exec-root "$folder/run" --pidfile "$pidfile" \
        --host "unix://$socket" --label belfry.engine=local-images --log-level warn >"$folder/dockerd.log" 2>&1 </dev/null &
    for ((tries = 0; tries < 60; tries++)); do
        if DOCKER_HOST=unix://$socket answers; then
            return 0
        fi
        sleep 1
    done
    tail -n 5 "$folder/dockerd.log" >&2
    stop_engine
    cannot "dockerd did not answer within a minute (its last lines are above)"
}

stop_engine() {
    local pid tries
    pid=$(own_engine) || { say "none of ours runs"; return 0; }
    kill -TERM "$pid"
    for ((tries = 0; tries < 60; tries++)); do
        if [ ! -d "/proc/$pid" ]; then
            say "stopped"
            return 0
        fi
        sleep 1
    done
    say "process $pid did not end within a minute"
    return 1
}

# Debian 12 has Compose v1 only. The next release's packages are Go programs that run here as they are;
# they are read with our own package configuration, so that the machine's is not changed.
plugins() {
    local apt=$folder/apt site keyring=/usr/share/keyrings/debian-archive-keyring.gpg target=$folder/config/cli-plugins
    if [ -x "$target/docker-compose" ] && [ -x "$target/docker-buildx" ]; then
        return 0
    fi
    # shellcheck disable=SC2016  # $(SITE) is apt's own
    site=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Codename: bookworm' | sed -n 1p)
    [ -n "$site" ] || cannot "this machine names no Debian 12 mirror to take Compose v2 from"
    [ -r "$keyring" ] || cannot "the keys of the Debian archive are not installed"
    say "fetching Compose v2"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$target"
    echo "deb [signed-by=$keyring] $site trixie main" >"$apt/sources.list"
    local private=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none)
    apt-get "${private[@]}" update >&2 || cannot "the next Debian release's package list cannot be read"
    (cd "$apt" && apt-get "${private[@]}" download docker-compose docker-buildx >&2) ||
        cannot "Compose v2 cannot be fetched"
    for package in "$apt"/*.deb; do
        dpkg -x "$package" "$apt/unpacked"
    done
    cp "$apt"/unpacked/usr/libexec/docker/cli-plugins/* "$target/"
}

start() {
    local own_host='' own_config=''
    if ! answers; then
        [ "$(id -u)" -eq 0 ] || cannot "none answers, and only root can start one"
        grep -qsx 'VERSION_CODENAME=bookworm' /etc/os-release ||
            cannot "none answers, and this script starts one on Debian 12 only"
        # The kernel's limit on the length of a socket's path.
        [ ${#socket} -lt 100 ] || cannot "the folder's path is too long for a socket: $folder"
        packages
    fi
    # Installing the package may have started the system's own engine.
    if ! answers; then
        start_engine
        own_host=unix://$socket
        export DOCKER_HOST=$own_host
    fi
    if [[ ! $(docker compose version --short 2>/dev/null) =~ ^v?([2-9]|[1-9][0-9])\. ]] || ! docker buildx version >/dev/null 2>&1; then
        command -v apt-get >/dev/null || cannot "Compose v2 is missing, and this is not Debian"
        plugins
        own_config=$folder/config
        DOCKER_CONFIG=$own_config docker compose version >&2 || cannot "the fetched Compose v2 does not run here"
    fi
    [ -z "$own_host" ] || printf 'export DOCKER_HOST=%q\n' "$own_host"
    [ -z "$own_config" ] || printf 'export DOCKER_CONFIG=%q\n' "$own_config"
}

case $action in
start) start ;;
stop) stop_engine ;;
*) usage ;;
esac
