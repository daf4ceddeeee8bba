# shellcheck shell=bash
# A private PostgreSQL cluster for the tests: own folder, own port, removed afterwards.

postgres_folder=''

# Debian keeps the server's programs off PATH, in a folder for each version.
postgres_program() {
  local found
  found=$(compgen -G "/usr/lib/postgresql/*/bin/$1" | sort -V | tail -n 1) || true
  [[ -n $found ]] || found=$(type -P "$1") || die "PostgreSQL's $1 is not here"
  echo "$found"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if ((EUID == 0)); then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# Starts the cluster and sets postgres_url.
start_postgres() {
  local password port
  postgres_folder=$(mktemp -d "${TMPDIR:-/tmp}/belfry-postgres.XXXXXX")
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s\n' "$password" >"$postgres_folder/password"
  ((EUID == 0)) && chown -R postgres: "$postgres_folder"
  # md5, because the 4096 rounds of SCRAM take an unoptimised client long, at each of thousands of connections. The stack in
  # containers connects by SCRAM.
  as_postgres "$(postgres_program initdb)" --pgdata "$postgres_folder/data" --username belfry \
    --auth md5 --pwfile "$postgres_folder/password" --encoding UTF8 --locale C.UTF-8 >/dev/null
  port=$(free_port)
  # Each test opens its own pool. Without fsync, because a disk that others write to holds it up for seconds; the tests kill
  # programs, never the machine, and what a program has written stays then.
  as_postgres "$(postgres_program pg_ctl)" --pgdata "$postgres_folder/data" --wait --timeout 60 --silent \
    --log "$postgres_folder/log" start --options \
    "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=300 -c fsync=off" || {
    show_tail "$postgres_folder/log"
    die 'PostgreSQL did not start'
  }
  postgres_url=postgres://belfry:$password@127.0.0.1:$port/postgres
}

stop_postgres() {
  [[ -n $postgres_folder ]] || return 0
  if [[ -e $postgres_folder/data/postmaster.pid ]]; then
    as_postgres "$(postgres_program pg_ctl)" --pgdata "$postgres_folder/data" --wait --silent --mode fast stop || true
  fi
  rm -rf -- "$postgres_folder"
  postgres_folder=''
}
