#!/bin/sh
# The databases of docker-compose.yml as they were at an earlier moment, from a backup and the log that followed.
# Runs in the container of PostgreSQL (docs/operations.md, "With containers"):
#
#   restore.sh drill              the newest backup, beside the running databases; looked at, and taken away again
#   restore.sh BACKUP [MOMENT]    for good, while nothing else runs: up to MOMENT ('2026-11-24 10:30+08'), or as late
#                                 as can be. What was there is kept; if it fails, nothing has changed
set -eu
home=/var/lib/postgresql
export PGHOST=/tmp PGUSER=postgres  # on a socket that nobody else knows

# recover BACKUP FOLDER SETTING …: make the databases anew in FOLDER, and start them there.
recover() {
    made=$2
    cp -a "$home/backups/$1" "$made"
    touch "$made/recovery.signal"
    shift 2
    postgres -D "$made" -c listen_addresses= -c "unix_socket_directories=$PGHOST" -c hot_standby=off \
        -c log_error_verbosity=terse -c recovery_target_timeline=current -c recovery_target_action=promote "$@" &
    server=$!
    until pg_isready --quiet; do
        kill -0 "$server" 2> /dev/null || { echo "未能恢复，原因见上 | not restored, see above" >&2; exit 1; }
        sleep 0.5
    done
}

# from FOLDER …: the restore_command that looks for a piece of the log there.
from() {
    for folder in "$home/backups/wal" "$@"; do
        printf '{ test -f %s/%%f.gz && gzip -dc %s/%%f.gz > %%p; } || ' "$folder" "$folder"
        printf '{ test -f %s/%%f && cp %s/%%f %%p; } || ' "$folder" "$folder"
    done
    echo false
}

drill() {
    newest=$(cd "$home/backups" && printf '%s\n' [0-9]*Z | tail -n 1)
    place=$(mktemp -d "$home/drill.XXXXXX") server=
    trap 'kill "$server" 2> /dev/null && wait "$server"; rm -rf "$place"' EXIT
    recover "$newest" "$place/data" -c "restore_command=$(from)" -c archive_mode=off -c fsync=off -c shared_buffers=32MB
    pg_amcheck --all --install-missing
    ended=$(stat -c %y "$home/backups/$newest/backup_manifest")
    reached=$(psql -Atc "SELECT greatest(pg_last_xact_replay_timestamp(), '$ended')")
    count="SELECT count(*) FROM grievance WHERE registered_at < timestamptz '$reached' - interval '1 minute'"
    restored=$(psql -Atd intake -c "$count") present=$(PGHOST=/var/run/postgresql psql -Atd intake -c "$count")
    echo "备份 | backup $newest，恢复到 | brought to $reached，登记 | registered: $restored / $present"
    [ "$restored" = "$present" ]
}

for_good() {
    if [ -e "$home/data/postmaster.pid" ]; then
        echo "先停止 docker compose stop；若是崩溃过，删除 $home/data/postmaster.pid |" \
            "stop it first; if it has crashed, delete that file" >&2
        exit 1
    fi
    rm -rf "$home/restored"
    recover "$1" "$home/restored" -c "restore_command=$(from "$home/data/pg_wal")" \
        ${2:+-c "recovery_target_time=$2"} -c archive_mode=on \
        -c "archive_command=/bin/sh /etc/minqing/archive.sh $home/backups/wal %p %f"
    pg_ctl --pgdata "$home/restored" --mode fast stop
    before=$home/data.before-$(date -u +%Y%m%dT%H%M%SZ)
    [ ! -e "$home/data" ] || mv "$home/data" "$before"
    mv "$home/restored" "$home/data"
    echo "已恢复；原数据库在 | restored; what was there is kept as $before"
}

case ${1:-} in
    drill) drill ;;
    [0-9]*Z) for_good "$@" ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
