# shellcheck shell=bash
# Whether a container engine could build the program from what it would be sent, found out without an engine.

# The packages that are missing for it: Docker's own SDK for Python knows the rules of .dockerignore.
missing_context_packages() {
  /usr/bin/python3 -c 'import docker' >/dev/null 2>&1 || echo python3-docker
}

# The files of the build context, laid in an empty folder, compile; and where they could not, this check fails.
check_build_context() {
  say 'Three contexts that must be refused'
  refuses_context 'targets that are declared and left out' "can't find .* at" 'echo "backend/*/tests" >>.dockerignore
    sed -i "s#^\[dev-dependencies\]#[[test]]\nname = \"declared\"\npath = \"tests/declared.rs\"\n\n&#" backend/telemetry/Cargo.toml'
  refuses_context 'a file that the build needs left out' 'failed to (load|read)' 'echo "backend/learning/Cargo.toml" >>.dockerignore'
  refuses_context 'a stale Cargo.lock' '--locked' 'sed -i "/^name = \"uuid\"/,/^version/s/^version = .*/version = \"1.0.0\"/" Cargo.lock'
  say 'The context itself'
  compile_context "$project_root"
}

# compile_context PROJECT: dependencies that the tests have compiled already are linked into the folder, so that only
# the project's own crates are compiled anew.
compile_context() {
  local project=$1 folder=$state/build-context
  rm -rf -- "$folder"
  mkdir -p -- "$folder/source" "$folder/target"
  "$project_root/scripts/build-context.py" "$project" "$folder/source"
  link_compiled "${CARGO_TARGET_DIR:-$project_root/target}/debug" "$folder/target/debug"
  # backend/compile.sh asks for the program alone. The whole workspace and an example are named here for cargo to choose
  # the dependencies' features as it does for the tests, or it would compile most of them once more. The program is
  # compiled, not run: without optimisation that takes less time.
  (cd -- "$folder/source" && CARGO_TARGET_DIR=$folder/target \
    cargo build --locked --workspace --bin belfry --example minimal --config profile.dev.package.belfry-learning.opt-level=0) ||
    return
  rm -rf -- "$folder"
}

link_compiled() {
  local from=$1 to=$2 part
  mkdir -p -- "$to"
  for part in .fingerprint build deps; do
    # Hard links: cargo and rustc replace files, they do not write into them.
    [[ ! -d $from/$part ]] || cp --archive --link -- "$from/$part" "$to/$part"
  done
}

# refuses_context WHAT MESSAGE CHANGE: compiling fails, with this message, in a copy of the project that was changed so.
refuses_context() {
  local what=$1 message=$2 change=$3 copy=$state/changed-project printed
  rm -rf -- "$copy"
  mkdir -p -- "$copy"
  cp --archive -- Cargo.toml Cargo.lock .dockerignore backend data "$copy"
  (cd -- "$copy" && eval "$change")
  # Nothing is compiled already in there, so that what is not refused at once shows by taking long.
  if printed=$(compile_context "$copy" 2>&1); then
    die "the build context went through with $what"
  fi
  [[ $printed =~ $message ]] || die "with $what the build failed by something else: $printed"
  say "  refused: $what"
  rm -rf -- "$copy"
}
