# shellcheck shell=bash
# The programs that native mode runs next to the backend: from PATH, else from
# the system's packages.

# name: possible names of the program (upstream's, Debian's), and its package
declare -A tool_names=(
  [prometheus]='prometheus'
  [promtool]='promtool'
  [alertmanager]='alertmanager prometheus-alertmanager'
  [amtool]='amtool'
  [node-exporter]='node_exporter prometheus-node-exporter'
  [blackbox-exporter]='blackbox_exporter prometheus-blackbox-exporter'
)
declare -A tool_package=(
  [prometheus]=prometheus
  [promtool]=prometheus
  [alertmanager]=prometheus-alertmanager
  [amtool]=prometheus-alertmanager
  [node-exporter]=prometheus-node-exporter
  [blackbox-exporter]=prometheus-blackbox-exporter
)
declare -A tool=()

# Fills tool[...] with paths and prints the packages of those not found.
find_monitoring_tools() {
  local wanted name path
  for wanted in "${!tool_names[@]}"; do
    tool[$wanted]=''
    for name in ${tool_names[$wanted]}; do
      path=$(type -P "$name") || path=$(type -P "$state/tools/usr/bin/$name") || continue
      tool[$wanted]=$path
      break
    done
  done
}

missing_tool_packages() {
  local wanted
  for wanted in "${!tool[@]}"; do
    [[ -n ${tool[$wanted]} ]] || echo "${tool_package[$wanted]}"
  done | sort -u
}

require_monitoring_tools() {
  local packages
  find_monitoring_tools
  mapfile -t packages < <(missing_tool_packages)
  if ((${#packages[@]} > 0)); then
    if can_be_root; then
      install_packages "${packages[@]}"
    else
      unpack_packages "$state/tools" "${packages[@]}"
    fi
    find_monitoring_tools
    mapfile -t packages < <(missing_tool_packages)
    ((${#packages[@]} == 0)) || die "still missing after installing: ${packages[*]}"
  fi
}
