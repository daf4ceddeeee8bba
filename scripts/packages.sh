# shellcheck shell=bash
# Debian packages: installed with root or passwordless sudo, without starting
# their services; or only unpacked into the state folder, which needs no root.

can_be_root() { ((EUID == 0)) || sudo -n true 2>/dev/null; }

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

installed_packages() {
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort
}

# Installs those of the given packages that are missing.
install_packages() {
  local package missing=() before
  before=$(installed_packages)
  for package in "$@"; do
    grep -qx -- "$package" <<<"$before" || missing+=("$package")
  done
  ((${#missing[@]} == 0)) && return 0
  have apt-get || die "missing: ${missing[*]} (Debian's names); install them and try again"
  can_be_root || die "missing: ${missing[*]}; install them, or run this as root or with passwordless sudo"

  say "Installing from the system's packages: ${missing[*]}"
  forbid_service_starts
  if ! apt_install "${missing[@]}"; then
    say "  refreshing the package lists first"
    as_root apt-get -qq update </dev/null || warn "some package lists could not be refreshed"
    apt_install "${missing[@]}" || {
      show_tail "$(package_log)"
      die "apt-get could not install: ${missing[*]}"
    }
  fi
  allow_service_starts
  keep_services_off "$before"
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install "$@" </dev/null >"$(package_log)" 2>&1
}

package_log() {
  make_state_folder
  mkdir -p -- "$state/logs"
  echo "$state/logs/packages.log"
}

# A package's service would start immediately, on a port that the stack needs.
# Debian runs this script before it starts a service; 101 forbids the start.
policy_script=/usr/sbin/policy-rc.d
policy_saved=$policy_script.before-belfry

trap_before=''

forbid_service_starts() {
  trap_before=$(trap -p EXIT)
  trap allow_service_starts EXIT
  if [[ -e $policy_script && ! -e $policy_saved ]] && ! grep -q belfry "$policy_script"; then
    as_root mv -- "$policy_script" "$policy_saved"
  fi
  printf '#!/bin/sh\n# belfry: no service starts during an installation\nexit 101\n' |
    as_root tee "$policy_script" >/dev/null
  as_root chmod 755 "$policy_script"
}

allow_service_starts() {
  if [[ -e $policy_script ]] && grep -q belfry "$policy_script"; then
    as_root rm -f -- "$policy_script"
  fi
  if [[ -e $policy_saved ]]; then as_root mv -- "$policy_saved" "$policy_script"; fi
  # Restores the previous EXIT trap.
  eval "${trap_before:-trap - EXIT}"
}

# Disables services at the next boot too. Only units of newly installed packages.
keep_services_off() {
  local before=$1 package unit now=()
  have systemctl || return 0
  [[ -d /run/systemd/system ]] && now=(--now)
  for package in $(comm -13 <(echo "$before") <(installed_packages)); do
    [[ $package == prometheus* || $package == postgresql* ]] || continue
    for unit in $(dpkg -L "$package" | sed -nE 's#.*/systemd/system/([^/@]+\.(service|timer))$#\1#p'); do
      as_root systemctl --quiet disable "${now[@]}" "$unit" >/dev/null 2>&1 ||
        warn "$unit stays enabled: systemctl disable $unit"
      say "  $unit: installed, but neither started nor enabled"
    done
  done
}
