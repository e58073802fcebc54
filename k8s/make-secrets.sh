#!/usr/bin/env bash
# Writes secrets.env, readable by its owner only: random Redis passwords (or those in the environment), APP_PASSWORD from
# the environment or asked for without an echo, and APP_PASSWORD_PREVIOUS from the environment, else empty. FORCE=1
# replaces a file that is there.
set -euo pipefail
cd "$(dirname "$0")"
umask 077

fail() {
  echo "make secrets: $1" >&2
  exit 1
}
# 192 bits. The base64 of longer ones fills more than a line in what kustomize prints, and each apply would then say
# "configured".
random() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }

if [ -e secrets.env ] && [ "${FORCE:-}" != 1 ]; then
  fail "k8s/secrets.env exists; FORCE=1 replaces it with new passwords."
fi
if [ -z "${APP_PASSWORD:-}" ]; then
  [ -t 0 ] || fail "set APP_PASSWORD in the environment, or run this in a terminal, where it asks."
  IFS= read -rsp 'APP_PASSWORD, which the users of the API type: ' APP_PASSWORD
  echo >&2
fi
[ -n "${APP_PASSWORD//[[:space:]]/}" ] || fail "APP_PASSWORD is empty."
for password in "$APP_PASSWORD" "${APP_PASSWORD_PREVIOUS:=}" "${REDIS_API_PASSWORD:=$(random)}" "${REDIS_UPDATER_PASSWORD:=$(random)}"; do
  [[ $password != *[$'\n\r']* ]] || fail "a password has a line break."
done

new=$(mktemp secrets.env.XXXXXX)
trap 'rm -f "$new"' EXIT
printf '%s=%s\n' \
  APP_PASSWORD "$APP_PASSWORD" \
  APP_PASSWORD_PREVIOUS "$APP_PASSWORD_PREVIOUS" \
  REDIS_API_PASSWORD "$REDIS_API_PASSWORD" \
  REDIS_UPDATER_PASSWORD "$REDIS_UPDATER_PASSWORD" >"$new"
mv "$new" secrets.env
echo "Wrote k8s/secrets.env. Keep it out of version control, as .gitignore does." >&2
