#!/bin/sh
# Makes the secrets of docker-compose.yml, once: deploy/secrets.sh [FOLDER]; refuses a folder that exists.
# Without FOLDER it is deploy/secrets, where compose looks; any other is told to it as MINQING_SECRETS.
#
# Keys come from `minqing secrets create`, out of the image (`docker compose build migrate` first), so that
# nothing but docker is needed. The folder is open to its owner alone; the files in it can be read, since
# each container sees the few that it is given under its own user. Back the folder up: without
# keys/identity.key what is known of petitioners cannot be read again.
set -eu
umask 022
folder=${1:-$(dirname "$0")/secrets}

word() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
keep() { printf '%s\n' "$2" > "$folder/$1"; }

mkdir -m 0700 "$folder"
folder=$(cd "$folder" && pwd)
docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$folder:/secrets" \
    "minqing/minqing:${MINQING_VERSION:-latest}" secrets create /secrets/keys || { rmdir "$folder"; exit 1; }
chmod 0755 "$folder/keys"
chmod 0644 "$folder"/keys/*

keep postgres_password "$(word)"
for service in intake routing oversight; do
    password=$(word)
    keep "${service}_password" "$password"
    keep "${service}_database_url" "postgresql+psycopg://$service:$password@postgres/$service"
    keep "${service}_identity_url" "postgresql+psycopg://$service:$password@postgres/identity"
done

docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$folder:/secrets" \
    "minqing/minqing:${MINQING_VERSION:-latest}" secrets broker /secrets redis:6379
chmod 0644 "$folder"/*redis*
