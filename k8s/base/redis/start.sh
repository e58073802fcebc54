#!/bin/sh
# usage: start.sh CONFIG [OPTION...]
# Repairs the append-only file if a power loss has damaged it, then starts Redis, which otherwise would exit at every
# start. A file beyond repair is discarded: the updater stores a new reading within a minute.
set -eu
dir=$(sed -n 's/^dir //p' "$1")/appendonlydir
manifest=$dir/appendonly.aof.manifest

# Also checks the size: redis-check-aof can truncate a manifest of zeros to an empty file, which Redis rejects too.
is_sound() { [ -s "$manifest" ] && redis-check-aof "$manifest" && [ -s "$manifest" ]; }

if [ -e "$dir" ] && ! is_sound; then
  if [ -s "$manifest" ] && echo y | redis-check-aof --fix "$manifest" && is_sound; then
    echo 'start.sh: the append-only file was damaged. Its end was cut off.'
  else
    rm -rf "$dir"
    echo 'start.sh: the append-only file was damaged. It was discarded; the updater stores a new reading.'
  fi
fi
exec redis-server "$@"
