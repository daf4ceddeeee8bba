# shellcheck shell=bash
# Checks, without a container engine, that the program compiles from the files of the build context alone.

# The missing packages for this check: Docker's SDK for Python implements the rules of .dockerignore.
missing_context_packages() {
  /usr/bin/python3 -c 'import docker' >/dev/null 2>&1 || echo python3-docker
}

# The files of the build context, copied into an empty folder, must compile; and incomplete contexts must not.
check_build_context() {
  say 'Three contexts that must be refused'
  refuses_context 'targets that are declared and left out' "can't find .* at" 'echo "backend/*/tests" >>.dockerignore
    sed -i "s#^\[dev-dependencies\]#[[test]]\nname = \"declared\"\npath = \"tests/declared.rs\"\n\n&#" backend/telemetry/Cargo.toml'
  refuses_context 'a file that the build needs left out' 'failed to (load|read)' 'echo "backend/learning/Cargo.toml" >>.dockerignore'
  refuses_context 'a stale Cargo.lock' '--locked' 'sed -i "/^name = \"uuid\"/,/^version/s/^version = .*/version = \"1.0.0\"/" Cargo.lock'
  say 'The context itself'
  compile_context "$project_root"
}

# compile_context PROJECT: dependencies that the tests have already compiled are linked into the folder, so that only
# the project's own crates are compiled again.
compile_context() {
  local project=$1 folder=$state/build-context
  rm -rf -- "$folder"
  mkdir -p -- "$folder/source" "$folder/target"
  "$project_root/scripts/build-context.py" "$project" "$folder/source"
  link_compiled "${CARGO_TARGET_DIR:-$project_root/target}/debug" "$folder/target/debug"
  # backend/compile.sh builds only the program. Here the whole workspace and an example are built, so that cargo selects
  # the same features of the dependencies as for the tests; otherwise it would compile most of them again. The program is
  # not run, so it is compiled without optimisation, which takes less time.
  (cd -- "$folder/source" && CARGO_TARGET_DIR=$folder/target \
    cargo build --locked --workspace --bin belfry --example minimal --config profile.dev.package.belfry-learning.opt-level=0) ||
    return
  rm -rf -- "$folder"
}

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
  cp --archive -- Cargo.toml Cargo.lock .dockerignore backend data "$copy"
  (cd -- "$copy" && eval "$change")
  # Nothing in this copy is compiled yet, so a context that is not refused immediately takes noticeably long.
  if printed=$(compile_context "$copy" 2>&1); then
    die "the build context went through with $what"
  fi
  [[ $printed =~ $message ]] || die "with $what the build failed by something else: $printed"
  say "  refused: $what"
  rm -rf -- "$copy"
}
