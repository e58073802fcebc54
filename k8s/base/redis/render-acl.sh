#!/bin/sh
# render-acl.sh TEMPLATE PASSWORDS OUTPUT: fills the passwords' hashes into the ACL template.
# PASSWORDS is a directory with a file per user. A missing, unreadable or empty one ends this before OUTPUT is written.
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
