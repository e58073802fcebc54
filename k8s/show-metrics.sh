#!/bin/sh
# usage: show-metrics.sh [PATTERN]
# Prints the metrics of every API pod, one after the other, each line after the pod's name. PATTERN is an extended regular
# expression for the lines, by default those of WRPI. Says which pods do not answer. KUBECTL is the client.
set -eu
kubectl="${KUBECTL:-kubectl} --namespace=wrpi"
pattern=${1:-^wrpi_}
said=$(mktemp)
forward=
trap 'kill $forward 2>/dev/null || :; rm -f "$said"' EXIT

# Sets port as soon as kubectl forwards one. Waits up to ten seconds, or until kubectl has failed. Not for $(…): kubectl would
# not be a child of that shell, and dash would see it as alive.
find_port() {
  for _ in $(seq 50); do
    port=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$said")
    [ -z "$port" ] || return 0
    kill -0 "$forward" 2>/dev/null || return 0
    sleep 0.2
  done
}

for pod in $($kubectl get pods --selector=app.kubernetes.io/component=api --output=name); do
  $kubectl port-forward "$pod" :9090 >"$said" 2>&1 &
  forward=$!
  find_port
  if [ "$port" ] && metrics=$(curl --silent --show-error --max-time 10 "http://127.0.0.1:$port/metrics" 2>>"$said"); then
    printf '%s\n' "$metrics" | grep -E "$pattern" | sed "s|^|${pod#pod/} |" || :
  else
    echo "${pod#pod/} does not answer: $(tail -n 1 "$said")" >&2
  fi
  kill "$forward" 2>/dev/null || :
  wait "$forward" 2>/dev/null || :
done
