# shellcheck shell=bash
# Sourced by compose-test: the Compose project with its own name and a free port, its removal at exit, and helpers to
# query it.

if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
project=wrpi-test-$$
compose+=(--project-name "$project")
services=(redis updater api)
declare -A containers
APP_PASSWORD=$(head -c 18 /dev/urandom | base64)
export APP_PASSWORD API_PORT=0 UPDATE_INTERVAL=3s

clean_up() {
  local status=$?
  touch "$work/over"
  wait
  if [ $status != 0 ]; then "${compose[@]}" logs --no-color --tail 30 >&2 || true; fi
  "${compose[@]}" down --volumes >"$work/down" 2>&1 || cat "$work/down" >&2
  rm -rf "$work"
}
trap clean_up EXIT

inspect() { docker inspect --format "$2" "${containers[$1]}"; }
is_healthy() { [ "$(inspect "$1" '{{.State.Health.Status}}')" = healthy ]; }
get() { curl -sS --max-time 60 -u "any:$APP_PASSWORD" "$url/v0/wrpi" "$@"; }
# Each start of the API gets a new port.
is_served() {
  url=http://$("${compose[@]}" port api 8080)
  get --fail
}
reading_differs_from() { [ "$(get --fail)" != "$1" ]; }
# redis_as USER: runs the commands from standard input, one per line.
redis_as() {
  "${compose[@]}" exec -T redis sh -c "REDISCLI_AUTH=\$(cat /run/$1/redis-password) exec redis-cli --user $1"
}
