# shellcheck shell=bash
# Debian packages for users who cannot install any: downloaded and unpacked into
# our own folder.

unpack_packages() {
  local folder=$1 archive
  shift
  have apt-get || die "missing: $* (Debian's names); put their programs on PATH and try again"
  say "Unpacking into $folder, no root needed: $*"
  mkdir -p -- "$folder/download"
  if ! download_packages "$folder/download" "" "$@" >"$(package_log)" 2>&1; then
    say '  fetching package lists of our own first'
    download_packages "$folder/download" "$folder/apt" "$@" >"$(package_log)" 2>&1 ||
      { show_tail "$(package_log)"; die "could not download: $*"; }
  fi
  for archive in "$folder"/download/*.deb; do
    dpkg -x "$archive" "$folder"
  done
  rm -rf -- "$folder/download" "$folder/apt"
  relocate_programs "$folder"
}

# download_packages INTO LISTS PACKAGES...: with the system's package lists, or
# with new ones stored in the folder LISTS.
download_packages() (
  local into=$1 lists=$2 options=() pages
  shift 2
  cd -- "$into" || return
  if [[ -n $lists ]]; then
    mkdir -p -- "$lists/lists/partial" "$lists/cache/archives/partial"
    options=(-o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache" -o Debug::NoLocking=1)
    apt-get -qq "${options[@]}" update || return
  fi
  # Scripts and fonts of Prometheus's pages are in separate packages.
  mapfile -t pages < <(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests \
    --no-conflicts --no-breaks --no-replaces --no-enhances "$@" | grep -E '^(libjs|fonts)-' | sort -u)
  apt-get -qq "${options[@]}" download "$@" "${pages[@]}"
)

# Debian's Prometheus and Alertmanager read their pages and templates from an
# absolute path in /usr/share. In unpacked programs this is patched to a path
# relative to the working directory, of the same length so that no offset changes.
relocate_programs() {
  local program
  for program in "$1"/usr/bin/prometheus "$1"/usr/bin/prometheus-alertmanager; do
    [[ -f $program ]] || continue
    LC_ALL=C sed -i 's#/usr/share/prometheus#usr//share/prometheus#g' -- "$program"
  done
}
