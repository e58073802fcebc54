#!/usr/bin/env bash
# VERSION=… make-gke-values.sh <OUTPUTS: writes overlays/gke/values.env, and with Memorystore overlays/gke-memorystore/values
# too, from what `terraform output -json` says. IMAGES is where the images of that version are (default: the cache of the
# project's releases).
set -euo pipefail
cd "$(dirname "$0")"
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "make gke-values: $1" >&2
  exit 1
}
cat >"$work/outputs"
# outputs PROGRAM [OPTION...]: what the jq program makes of the outputs. value("NAME") is one of them.
outputs() {
  jq --raw-output "${@:2}" "def value(\$name): .[\$name].value // error(\"infra/ has no output \(\$name): apply it first\"); $1" \
    "$work/outputs" || fail 'no values were written.'
}

# pinned IMAGE TAG: the image by digest, which is the SHA-256 of its manifest.
pinned() {
  local host=${1%%/*} path=${1#*/} manifest=$work/manifest
  curl --fail --silent --show-error --location --output "$manifest" --header @"$work/authorization" \
    --header 'Accept: application/vnd.oci.image.index.v1+json' \
    --header 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
    "https://$host/v2/$path/manifests/$2" || fail "cannot read the image $1:$2."
  echo "$1@sha256:$(sha256sum "$manifest" | cut -d ' ' -f 1)"
}

token=$(gcloud auth print-access-token) || fail 'log in with gcloud first.'
echo "Authorization: Bearer $token" >"$work/authorization"

images=${IMAGES:-$(outputs 'value("releases")')}
docker_hub=$(outputs 'value("docker_hub")')
api=$(pinned "$images/wrpi-api" "$VERSION")
updater=$(pinned "$images/wrpi-updater" "$VERSION")
redis=$(pinned "$docker_hub/redis" "$(sed -n '/name: redis$/,/newTag:/ s/ *newTag: //p' ../kustomization.yaml)")

# shellcheck disable=SC2016 # variables of jq
outputs '
  "project=\(value("project"))",
  "domain=\(value("domain"))",
  "address=\(value("address"))",
  "certificate-map=\(value("certificate_map"))",
  "ssl-policy=\(value("ssl_policy"))",
  "security-policy=\(value("security_policy"))",
  "deployer=\(value("deployer"))",
  "runbook=https://github.com/\(value("repository"))/blob/v\($version)/docs/runbook.md",
  "dashboard=https://console.cloud.google.com/monitoring/dashboards?project=\(value("project"))",
  "api-image=\($api)", "updater-image=\($updater)", "redis-image=\($redis)"
' --arg version "$VERSION" --arg api "$api" --arg updater "$updater" --arg redis "$redis" >"$work/values.env"
mv "$work/values.env" gke/values.env
echo "Wrote k8s/overlays/gke/values.env, for version $VERSION." >&2

if jq --exit-status .redis.value "$work/outputs" >/dev/null; then
  # Memorystore's authority is its own, and does not vouch for its address.
  outputs 'value("redis") | "host=\(.host)\nport=\(.port)\ntls-any-name=true"' >gke-memorystore/values/redis.env
  outputs 'value("redis").ca' >gke-memorystore/values/ca.pem
  echo 'Wrote k8s/overlays/gke-memorystore/values.' >&2
fi
