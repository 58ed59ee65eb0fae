#!/bin/sh
# Backs up the running databases of docker-compose.yml, whole and checked or not at all:
#
#   docker compose exec postgres sh /etc/minqing/postgres/backup.sh [KEEP]
#
# The newest KEEP (7) stay, with the log since the oldest of them, which PostgreSQL keeps beside them from the
# first backup on (deploy/archive.sh). Copy /var/lib/postgresql/backups to another disk.
set -eu
backups=/var/lib/postgresql/backups keep=${1:-7}
mkdir -p "$backups/wal"
cd "$backups"
rm -rf ./*.part

name=$(date -u +%Y%m%dT%H%M%SZ)
pg_basebackup --pgdata "$name.part" --checkpoint=fast
pg_verifybackup --quiet "$name.part"
mv "$name.part" "$name"
sync .

for old in $(printf '%s\n' [0-9]*Z | head -n "-$keep"); do
    mv "$old" "$old.part"  # half deleted, it must not look whole
    rm -rf "$old.part"
done
oldest=$(printf '%s\n' [0-9]*Z | head -n 1)
pg_archivecleanup -x .gz wal "$(sed -n 's/^START WAL LOCATION: .* (file \(.*\))$/\1/p' "$oldest/backup_label")"

for service in intake routing oversight; do  # who watches for missing backups looks here
    psql --quiet --dbname "$service" --command \
        "INSERT INTO heartbeat (of) VALUES ('backup') ON CONFLICT (of) DO UPDATE SET at = now()"
done
echo "已备份 | backed up: $backups/$name, $(du -sh "$name" | cut -f 1)"
