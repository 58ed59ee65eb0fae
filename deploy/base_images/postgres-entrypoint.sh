#!/bin/sh
# What the official image does at its first start, as far as docker-compose.yml needs it: make the
# cluster with the superuser's password, run the scripts that were laid in, then become the server.
set -eu

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086  # several arguments on purpose
    initdb --pgdata "$PGDATA" --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    pg_ctl --pgdata "$PGDATA" --wait --options "-c listen_addresses=''" start
    for script in /docker-entrypoint-initdb.d/*.sql; do
        psql --username postgres --no-psqlrc --set ON_ERROR_STOP=1 --file "$script"
    done
    pg_ctl --pgdata "$PGDATA" --wait --mode fast stop
fi
exec "$@"
