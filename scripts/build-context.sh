# shellcheck shell=bash
# Checks, without a container engine, that the program compiles from the files of the build context alone.

# The missing packages for this check: Docker's SDK for Python implements the rules of .dockerignore.
missing_context_packages() {
  /usr/bin/python3 -c 'import docker' >/dev/null 2>&1 || echo python3-docker
}

# The files of the build context, copied into an empty folder, must compile; and incomplete contexts must not.
check_build_context() {
  local context_folder=$state/build-context
  say 'Three contexts that must be refused'
  refuses_context 'targets that are declared and left out' "can't find .* at" 'echo "backend/*/tests" >>.dockerignore
    sed -i "s#^\[dev-dependencies\]#[[test]]\nname = \"declared\"\npath = \"tests/declared.rs\"\n\n&#" backend/telemetry/Cargo.toml'
  refuses_context 'a file that the build needs left out' 'failed to (load|read)' 'echo "backend/learning/Cargo.toml" >>.dockerignore'
  refuses_context 'a stale Cargo.lock' '--locked' 'sed -i "/^name = \"uuid\"/,/^version/s/^version = .*/version = \"1.0.0\"/" Cargo.lock'
  say 'The context itself'
  copy_context "$project_root"
  link_compiled "${CARGO_TARGET_DIR:-$project_root/target}/debug" "$context_folder/target/debug"
  compile_context
  rm -rf -- "$context_folder"
}

# copy_context PROJECT: the files of its build context, in a folder with nothing compiled.
copy_context() {
  rm -rf -- "$context_folder"
  mkdir -p -- "$context_folder/source" "$context_folder/target"
  "$project_root/scripts/build-context.py" "$1" "$context_folder/source"
}

# backend/compile.sh builds only the program. Here the whole workspace and an example are built, so that cargo selects
# the same features of the dependencies as for the tests; otherwise it would compile most of them again. The program is
# not run, so it is compiled without optimisation, which takes less time.
compile_context() {
  (cd -- "$context_folder/source" && CARGO_TARGET_DIR=$context_folder/target \
    cargo build --locked --workspace --bin belfry --example minimal --config profile.dev.package.belfry-learning.opt-level=0)
}

# Links the dependencies that the tests have already compiled, so that only the project's own crates are compiled again.
link_compiled() {
  local from=$1 to=$2 part
  mkdir -p -- "$to"
  for part in .fingerprint build deps; do
    # Hard links: cargo and rustc replace files and do not modify them.
    [[ ! -d $from/$part ]] || cp --archive --link -- "$from/$part" "$to/$part"
  done
}

# refuses_context WHAT MESSAGE CHANGE: applies CHANGE to a copy of the project and expects its compile to fail with MESSAGE.
refuses_context() {
  local what=$1 message=$2 change=$3 copy=$state/changed-project printed
  rm -rf -- "$copy"
  mkdir -p -- "$copy"
  cp --archive -- Cargo.toml Cargo.lock .dockerignore backend dashboards data "$copy"
  cp --archive --parents -- docs/runbook.md infra/ai-prices.toml viewer/dist "$copy"
  (cd -- "$copy" && eval "$change")
  copy_context "$copy"
  # Cargo refuses it before it compiles anything.
  if printed=$(compile_context 2>&1); then
    die "the build context went through with $what"
  fi
  [[ $printed =~ $message ]] || die "with $what the build failed by something else: $printed"
  say "  refused: $what"
  rm -rf -- "$copy"
}
