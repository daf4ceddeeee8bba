#!/bin/sh
# Compiles the program inside the image build: compile.sh PROFILE OUTPUT
#
# target/ outlives the build, so that a change of source compiles our crates only. But cargo decides by times: a file of
# another clone may differ from what was compiled and yet be older. So what was compiled last is remembered by content,
# and each file that differs from it is touched before cargo looks.
set -eu
profile=$1 output=$2
compiled=target/sources-$profile
present=$(mktemp)

find Cargo.toml Cargo.lock backend data -type f -exec sha256sum {} + >"$present"
sort -o "$present" "$present"
touch "$compiled"
comm -13 "$compiled" "$present" | cut -c 67- | tr '\n' '\0' | xargs -0 -r touch
# Gone until the build has succeeded: after one that failed, every file counts as changed.
rm "$compiled"
cargo build --locked --profile "$profile" --package belfry --bin belfry
mv "$present" "$compiled"

case $profile in
dev) folder=debug ;;
*) folder=$profile ;;
esac
cp "target/$folder/belfry" "$output"
