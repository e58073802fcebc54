#!/bin/sh
# usage: render-acl.sh TEMPLATE PASSWORDS OUTPUT
# Writes the ACL template to OUTPUT with the hash of each password. PASSWORDS is a directory with one file per user.
# If a file is missing, unreadable or empty, the script fails and does not write OUTPUT.
set -eu
umask 077
acl=$(grep -v '^#' "$1")
for user in api updater; do
  password=$(cat "$2/$user")
  if [ -z "$password" ]; then
    echo "The password of the Redis user $user is empty." >&2
    exit 1
  fi
  hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
  acl=$(printf '%s\n' "$acl" | sed "s/@$user@/$hash/")
done
printf '%s\n' "$acl" >"$3"
