#!/bin/sh
# Compiles the program inside the image build: compile.sh PROFILE OUTPUT
#
# target/ persists between builds, so that a change of source compiles only our crates. But cargo compares modification
# times: a file of another clone may differ from the one compiled last and still be older. So the checksums of the compiled
# files are stored, and each file with a different checksum is touched before cargo runs.
set -eu
profile=$1 output=$2
compiled=target/sources-$profile
present=$(mktemp)

find Cargo.toml Cargo.lock backend data dashboards docs/runbook.md infra/ai-prices.toml viewer/dist -type f -exec sha256sum {} + >"$present"
sort -o "$present" "$present"
touch "$compiled"
comm -13 "$compiled" "$present" | cut -c 67- | tr '\n' '\0' | xargs -0 -r touch
# Removed until the build has succeeded: after a failed build, every file counts as changed.
rm "$compiled"
cargo build --locked --profile "$profile" --package belfry --bin belfry
mv "$present" "$compiled"

case $profile in
dev) folder=debug ;;
*) folder=$profile ;;
esac
cp "target/$folder/belfry" "$output"
