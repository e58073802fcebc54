#!/bin/sh
# usage: check-deploy.sh KUSTOMIZATION
# Asks the cluster whether it would accept every object, for `make deploy`. Fails with the reason if it refuses one, or if
# one is being deleted: kubectl would report it as "unchanged", and then it would be gone. KUBECTL is the client.
set -eu
kubectl=${KUBECTL:-kubectl}

refuse() { # what is being deleted, and the arguments of `kubectl wait` for it
  cat >&2 <<END
Nothing was applied: $1 is being deleted. Wait for the end, then deploy again:
  kubectl wait --for=delete --timeout=5m $2
If it does not end, a pod may be on a lost node: see "A node is lost" in docs/runbook.md.
END
  exit 1
}

namespace=$($kubectl get namespace wrpi --ignore-not-found --output=jsonpath='{.kind} {.metadata.deletionTimestamp}')
case $namespace in
  '') exit 0 ;; # the first time: a dry run would fail, because it does not create the namespace
  *' ') ;;
  *) refuse 'the namespace wrpi' namespace/wrpi ;;
esac

deleted='{range .items[?(@.metadata.deletionTimestamp)]}{.kind}/{.metadata.name} {end}'
deleted=$($kubectl apply -k "$1" --dry-run=server --output=jsonpath="$deleted")
[ -z "$deleted" ] || refuse "${deleted% }" "--namespace=wrpi ${deleted% }"
