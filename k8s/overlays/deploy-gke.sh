#!/bin/sh
# usage: deploy-gke.sh
# Deploys overlays/gke, or overlays/gke-memorystore if `make gke-values` has written values for it. It can be run again.
#
# The alerts go through a webhook of Google's managed Prometheus. On a new cluster, nothing answers there, because the
# cluster has no node yet. The pods of the first attempt make Autopilot start one; then this waits for the webhook and
# tries again. KUBECTL is the client. LEAVE_MEMORYSTORE=1 allows the way back from Memorystore to Redis in the cluster.
set -eu
cd "$(dirname "$0")/../.."
kubectl=${KUBECTL:-kubectl}
overlay=gke
[ ! -e k8s/overlays/gke-memorystore/values/redis.env ] || overlay=gke-memorystore

volumes=$($kubectl --namespace=wrpi get deployment api --ignore-not-found --output=jsonpath='{.spec.template.spec.volumes[*].name}')
case "$overlay $volumes" in
  'gke '*redis-ca*)
    if [ "${LEAVE_MEMORYSTORE:-}" != 1 ]; then
      cat >&2 <<END
Nothing was applied: the API in the cluster uses Memorystore, but the outputs of infra/ are those of Redis in the cluster.
In GitHub, set the variable GKE_OUTPUTS again: docs/gke.md. To go back to Redis in the cluster, set LEAVE_MEMORYSTORE=1.
END
      exit 1
    fi ;;
esac

deploy() {
  "${MAKE:-make}" --no-print-directory deploy "KUBECTL=$kubectl" "KUSTOMIZATION=k8s/overlays/$overlay"
}

# webhook NAMESPACE: whether the operator of managed Prometheus exists there and is not ready.
webhook_is_down() {
  [ "$($kubectl --namespace="$1" get deployment gmp-operator --ignore-not-found --output=jsonpath='{.kind}/{.status.readyReplicas}' 2>/dev/null)" = Deployment/ ]
}

! deploy || exit 0
for namespace in gke-gmp-system gmp-system; do
  if webhook_is_down "$namespace"; then
    echo "Managed Prometheus has no node yet. Waiting for it, up to 15 minutes." >&2
    $kubectl --namespace="$namespace" rollout status deployment/gmp-operator --timeout=15m
  fi
done
# The API server can take a moment to see that the webhook is ready. If the reason was another one, this shows it.
sleep "${PAUSE:-10}"
deploy
