#!/bin/sh
# start.sh CONFIG [OPTION...]: starts Redis, even where a power loss has damaged the append-only file, with which Redis would end at
# each start, for good. What can be read of the file is kept, else it goes: a lost reading is back within a minute.
set -eu
dir=$(sed -n 's/^dir //p' "$1")/appendonlydir
manifest=$dir/appendonly.aof.manifest

# The zeros of a lost manifest make an empty one when they are cut off, which Redis refuses as well.
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
