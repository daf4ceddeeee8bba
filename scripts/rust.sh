# shellcheck shell=bash
# The Rust tools. rustup is the only program that run.sh requires.

require_rust() {
  have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  have cargo || die "cargo is missing: install Rust by rustup (https://rustup.rs), then try again"
  # rustup does not install a linker.
  have cc || install_packages build-essential
}

# The minimal profile of rustup does not include these.
require_rust_checks() {
  local component
  for component in rustfmt clippy; do
    "cargo-${component/rustfmt/fmt}" --version >/dev/null 2>&1 && continue
    have rustup || die "the Rust component $component is missing"
    say "Adding the Rust component $component"
    rustup component add "$component"
  done
}

# The program that BELFRY_BINARY selects instead of a build. The keywords are
# those of the Dockerfile, which uses the same variable.
given_backend() {
  case ${BELFRY_BINARY:-built} in
    built) return 1 ;;
    prebuilt) echo "$project_root/.belfry/prebuilt/belfry" ;;
    *) realpath -m -- "$BELFRY_BINARY" ;;
  esac
}

# The longest duration of a first build, from its CPU time.
first_build_minutes() {
  local cpu_minutes=16
  [[ $1 == release ]] || cpu_minutes=9
  echo $(((cpu_minutes + $(nproc) - 1) / $(nproc)))
}

# build_backend release|dev: builds, and copies the program to the state folder:
# the running backend starts training children from this file, and the next build
# may replace cargo's. Sets backend_binary.
build_backend() {
  local profile=$1 built folder
  if backend_binary=$(given_backend); then
    [[ -f $backend_binary && -x $backend_binary ]] ||
      die "BELFRY_BINARY is '$BELFRY_BINARY', but $backend_binary is no program"
    return 0
  fi
  require_rust
  folder=${CARGO_TARGET_DIR:-target}
  built=$folder/${profile/dev/debug}/belfry
  say "Building the backend ($profile profile)"
  [[ -e $built ]] ||
    say "  The first build compiles all its dependencies: up to $(first_build_minutes "$profile") minutes on $(nproc) cores. Later ones take seconds."
  # The tests set this variable for their harness; the build must not see it.
  env --unset=RUSTC_BOOTSTRAP cargo build --locked --profile "$profile" -p belfry || die 'the backend cannot be built; nothing was started or stopped'
  backend_binary=$state/bin/belfry
  mkdir -p -- "$state/bin"
  if ! cmp -s -- "$built" "$backend_binary"; then
    cp -- "$built" "$backend_binary.new"
    mv -- "$backend_binary.new" "$backend_binary"
  fi
}
