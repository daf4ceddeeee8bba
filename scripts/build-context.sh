# shellcheck shell=bash
# Whether a container engine could build the program from what it would be sent, found out without an engine.

# The packages that are missing for it: Docker's own SDK for Python knows the rules of .dockerignore.
missing_context_packages() {
  /usr/bin/python3 -c 'import docker' >/dev/null 2>&1 || echo python3-docker
}

# check_build_context [PROJECT]: the files of the build context, laid in an empty folder, compile. Dependencies that the
# tests have compiled already are linked into the folder, so that only the project's own crates are compiled anew.
check_build_context() {
  local project=${1:-$project_root} folder=$state/build-context
  rm -rf -- "$folder"
  mkdir -p -- "$folder/source" "$folder/target"
  scripts/build-context.py "$project" "$folder/source"
  link_compiled "${CARGO_TARGET_DIR:-$project_root/target}/debug" "$folder/target/debug"
  # backend/compile.sh asks for the program alone. The whole workspace and an example are named here for cargo to choose
  # the dependencies' features as it does for the tests, or it would compile most of them once more. The program is
  # compiled, not run: without optimisation that takes less time.
  (cd -- "$folder/source" && CARGO_TARGET_DIR=$folder/target \
    cargo build --locked --workspace --bin belfry --example minimal --config profile.dev.package.belfry-learning.opt-level=0)
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
