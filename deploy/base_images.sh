#!/bin/sh
# Finds the base images that docker-compose.yml names, and says where they are.
#
# Usage: deploy/base_images.sh > FILE      FILE is then given to compose as --env-file
#
# On a machine with a registry it pulls them and prints nothing: the names in the file hold. Where an
# image can be neither found nor pulled, a stand-in is built from Debian packages and one line is
# printed, such as REDIS_IMAGE=minqing-base/redis. The mirror, its suites and the certificates that are
# trusted come from this machine's own configuration. Needs root, Debian 12 or later and debootstrap for that.
set -eu
cd "$(dirname "$0")/.."

wanted() {
    sed -n 's/.*\${\([A-Z]*\)_IMAGE:-\([^}]*\)}.*/\1 \2/p' docker-compose.yml | sort -u
}

sources() {
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sort -u
}

# The root file system of a fresh Debian of this machine's own release, as an image.
build_debian() {
    root=$(mktemp -d)
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(sources | awk -v release="$codename" '$3 == release { print $2; exit }')
    debootstrap --variant=minbase --include=ca-certificates "$codename" "$root" "$mirror" >&2
    sources > "$root/etc/apt/sources.list"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | docker import \
        --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - minqing-base/debian >&2
    rm -rf "$root"
}

stand_in() {
    echo "$2 cannot be pulled here: building a stand-in from Debian packages" >&2
    docker image inspect minqing-base/debian > /dev/null 2>&1 || build_debian
    name=$(echo "$1" | tr '[:upper:]' '[:lower:]')
    docker build --quiet --target "$name" --tag "minqing-base/$name" deploy/base_images >&2
    echo "$1_IMAGE=minqing-base/$name"
}

wanted | while read -r variable image; do
    docker image inspect "$image" > /dev/null 2>&1 < /dev/null \
        || docker pull --quiet "$image" > /dev/null 2>&1 \
        || stand_in "$variable" "$image"
done
