#!/usr/bin/env bash
# Builds the images of docker-compose.yml on this machine, for the compose tests where no image registry can be
# reached: see the Dockerfile in this folder for what each one replaces. Safe to repeat.
#
#   build.sh FOLDER BINARY   FOLDER keeps the base system between runs; BINARY is a compiled belfry
#   build.sh FOLDER --stand-ins   all but the backend's
#   build.sh FOLDER --rust   those, and a stand-in for the compiler image, from this machine's toolchain
#
# Stand-ins are built only on an engine that engine.sh started: on another engine they would hide the real images of the
# same name, so only the backend is built there, from source. Exit 77: no engine or no Debian 12.
set -euo pipefail

cannot() { echo "no local images: $*" >&2; exit 77; }
say() { echo "local images: $*" >&2; }

[ $# -eq 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)

docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || cannot "no engine answers"
labels=$(docker info --format '{{.Labels}}')
# Debian 12's own docker command would use the old builder, which supports neither secrets nor caches.
export DOCKER_BUILDKIT=1
# The tests' own tag, so that the user's image under the usual tag is kept.
export BELFRY_IMAGE=${BELFRY_IMAGE:-belfry-backend:test}

# The tag in a Dockerfile or the compose file, so that it is written only there.
base=$(sed -n 's/^FROM \(debian:[^ ]*\).*/\1/p' "$project/backend/Dockerfile")
compiler=$(sed -n 's/^FROM \(rust:[^ ]*\).*/\1/p' "$project/backend/Dockerfile")

base_image() {
    local site
    if docker image inspect "$base" >/dev/null 2>&1; then
        return 0
    fi
    if [ ! -e "$folder/base.tar" ]; then
        # shellcheck disable=SC2016  # $(SITE) is apt's own
        site=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Codename: bookworm' | sed -n 1p)
        [ -n "$site" ] || cannot "this machine names no Debian 12 mirror"
        say "installing a minimal Debian 12"
        rm -rf "$folder/base"
        debootstrap --variant=minbase bookworm "$folder/base" "$site" >"$folder/debootstrap.log" 2>&1 ||
            { tail -n 5 "$folder/debootstrap.log" >&2; cannot "debootstrap failed"; }
        rm -rf "$folder"/base/var/cache/apt/archives/*.deb "$folder"/base/var/lib/apt/lists/*
        # As in the original: no cache of package lists in a layer.
        printf 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nAcquire::Languages "none";\n' \
            >"$folder/base/etc/apt/apt.conf.d/no-cache"
        tar --create --one-file-system --directory "$folder/base" --file "$folder/base.tar.new" .
        mv "$folder/base.tar.new" "$folder/base.tar"
        rm -rf "$folder/base"
    fi
    say "$base, from debootstrap"
    docker import --change "LABEL belfry.stand-in-for=$base" --change "LABEL belfry.stand-in-is='debootstrap minbase'" \
        "$folder/base.tar" "$base" >/dev/null
}

# The image of one service of the compose file, from the Dockerfile's stage of the same name.
service_image() {
    local service=$1 tag
    tag=$(sed -n "/^FROM packages AS $service\$/,/^ENTRYPOINT/s/^LABEL belfry.stand-in-for=\([^ ]*\).*/\1/p" "$here/Dockerfile")
    if ! grep -qxF "$tag" <<<"$composed"; then
        echo "the compose file has no image $tag: the Dockerfile here stands for another version" >&2
        return 1
    fi
    say "$tag"
    docker build --quiet --build-arg "BASE=$base" --target "$service" --tag "$tag" "$here" >/dev/null
}

# The real Dockerfile, without the compile.
backend_image() {
    local binary=$1
    [ -x "$binary" ] || { echo "$binary is not a program" >&2; return 1; }
    mkdir -p "$project/.belfry/prebuilt"
    cp "$binary" "$project/.belfry/prebuilt/belfry"
    say "$BELFRY_IMAGE, with $binary"
    BELFRY_BINARY=prebuilt docker compose --project-directory "$project" build --quiet backend >&2
}

# Allows a test of the Dockerfile's own compile without the compiler image.
compiler_image() {
    local toolchain
    toolchain=$(rustc --print sysroot)
    say "$compiler, from $toolchain"
    docker build --quiet --build-arg "BASE=$base" --secret id=certificates,src=/etc/ssl/certs/ca-certificates.crt \
        --file "$here/compiler.Dockerfile" --tag "$compiler" "$toolchain" >/dev/null
}

if [[ $labels != *belfry.engine=local-images* ]]; then
    [ "$2" != --stand-ins ] || exit 0
    say "$BELFRY_IMAGE, compiled by its Dockerfile; the others are the real ones"
    docker compose --project-directory "$project" build --quiet backend >&2
    exit 0
fi
base_image
composed=$(docker compose --project-directory "$project" --profile '*' config --images)
for service in prometheus alertmanager node-exporter blackbox-exporter postgres loki grafana; do
    service_image "$service"
done
case $2 in
--stand-ins) ;;
--rust) compiler_image ;;
*) backend_image "$2" ;;
esac
# Images of earlier runs that this one replaced.
docker image prune --force >/dev/null
