#!/usr/bin/env bash
# Writes secrets.env, readable by its owner only. APP_PASSWORD comes from the environment or from a prompt. The Redis
# passwords are random, and APP_PASSWORD_PREVIOUS is empty, unless they are set in the environment. FORCE=1 replaces an
# existing file.
set -euo pipefail
cd "$(dirname "$0")"
umask 077

fail() {
  echo "make secrets: $1" >&2
  exit 1
}
# shellcheck source-path=SCRIPTDIR source=ask-password.sh
. ./ask-password.sh
# 192 bits. kustomize wraps the base64 of longer passwords, and each `kubectl apply` would then report "configured".
random() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }

if [ -e secrets.env ] && [ "${FORCE:-}" != 1 ]; then
  fail "k8s/secrets.env exists. To replace it with new passwords, set FORCE=1."
fi
if [ -z "${APP_PASSWORD:-}" ]; then
  [ -t 0 ] || fail "set APP_PASSWORD in the environment, or run this in a terminal to be asked for it."
  ask_password APP_PASSWORD 'APP_PASSWORD, the password for users of the API'
fi
[ -n "${APP_PASSWORD//[[:space:]]/}" ] || fail "APP_PASSWORD is empty."
for password in "$APP_PASSWORD" "${APP_PASSWORD_PREVIOUS:=}" "${REDIS_API_PASSWORD:=$(random)}" "${REDIS_UPDATER_PASSWORD:=$(random)}"; do
  [[ $password != *[$'\n\r']* ]] || fail "a password contains a line break."
done

new=$(mktemp secrets.env.XXXXXX)
trap 'rm -f "$new"' EXIT
printf '%s=%s\n' \
  APP_PASSWORD "$APP_PASSWORD" \
  APP_PASSWORD_PREVIOUS "$APP_PASSWORD_PREVIOUS" \
  REDIS_API_PASSWORD "$REDIS_API_PASSWORD" \
  REDIS_UPDATER_PASSWORD "$REDIS_UPDATER_PASSWORD" >"$new"
mv "$new" secrets.env
echo "Wrote k8s/secrets.env. Git ignores it; do not commit it." >&2
