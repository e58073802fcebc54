#!/usr/bin/env bash
# usage: kind.sh oldest|newest
# Creates a kind cluster with two workers and loads the images, with the oldest or the newest supported Kubernetes
# (versions.env). kind's network plugin enforces network policies. Needs Docker, Go and the images (`make images`).
# Prints the command to run next.
set -euo pipefail
cd "$(dirname "$0")/../../.."
# shellcheck source=k8s/tests/cluster/versions.env
. k8s/tests/cluster/versions.env
case ${1:-} in
  oldest) kind=$KIND_OLDEST node=$NODE_OLDEST ;;
  newest) kind=$KIND_NEWEST node=$NODE_NEWEST ;;
  *)
    echo 'usage: kind.sh oldest|newest' >&2
    exit 2
    ;;
esac
tools=$PWD/target/kind
mkdir -p "$tools"
GOBIN=$tools go install "sigs.k8s.io/kind@$kind"
"$tools/kind" create cluster --name wrpi --image "$node" --wait 5m --config - <<'END'
apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
nodes:
  - role: control-plane
  - role: worker
  - role: worker
END

# kubectl in the version of the cluster.
docker cp wrpi-control-plane:/usr/bin/kubectl "$tools/kubectl" >/dev/null

# The upgrade test needs a second tag.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
redis=$(sed -n 's/^ *image: \(redis:.*\)/\1/p' docker-compose.yml)
for image in "$redis" "$PYTHON_IMAGE"; do docker pull --quiet "$image"; done
for name in wrpi-api wrpi-updater; do docker tag "$name:$version" "$name:next"; done
"$tools/kind" load docker-image --name wrpi "$redis" "$PYTHON_IMAGE" \
  "wrpi-api:$version" "wrpi-updater:$version" wrpi-api:next wrpi-updater:next

echo "make cluster-test CLUSTER_CONTEXT=kind-wrpi CLUSTER_NEXT_TAG=next KUBECTL=$tools/kubectl"
