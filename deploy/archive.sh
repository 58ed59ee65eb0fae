#!/bin/sh
# PostgreSQL's archive_command: keeps a finished piece of its write-ahead log beside the backups, compressed.
#
#   archive.sh FOLDER SEGMENT NAME
#
# Before the first backup there is no FOLDER, and nothing to keep. What is kept has its name when it is whole
# and on disk, and is never overwritten. What cannot be kept is tried again, until so much waits that the disk
# is in danger: registering people's grievances comes first, so the oldest is let go. The gap is found when a
# backup is listed or restored.
set -eu
folder=$1 segment=$2 name=$3
most=64  # segments of 16 MB that may wait

[ -e "$folder" ] || [ -L "$folder" ] || exit 0
kept=$folder/$name.gz
if [ -e "$kept" ]; then
    gzip -dc "$kept" | cmp -s - "$segment" && exit 0  # PostgreSQL asks again after a crash
    echo "archive: $kept holds something else" >&2
elif part=$folder/.$name.part && gzip -c < "$segment" > "$part"; then
    touch -r "$segment" "$part" && sync "$part" && mv "$part" "$kept" && sync "$folder" && exit 0
fi
if [ "$(find pg_wal/archive_status -name '*.ready' | wc -l)" -gt "$most" ]; then
    echo "archive: gave up $name; take a new backup" >&2
    exit 0
fi
echo "archive: $name could not be kept in $folder" >&2
exit 1
