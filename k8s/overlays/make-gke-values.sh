#!/usr/bin/env bash
# usage: terraform output -json | VERSION=X.Y.Z make-gke-values.sh
# Writes overlays/gke/values.env and, with Memorystore, the files in overlays/gke-memorystore/values. IMAGES is the
# registry path of the images (default: the cache of the project's releases).
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
# outputs PROGRAM [OPTION...]: runs a jq program on the outputs. In it, value("NAME") is the value of one output.
outputs() {
  jq --raw-output "${@:2}" "def value(\$name): .[\$name].value // error(\"infra/ has no output \(\$name): apply infra/ first\"); $1" \
    "$work/outputs" || fail 'cannot read the outputs; no values were written.'
}

# sha256 FILE: prints its SHA-256 in hexadecimal. Linux has sha256sum, macOS has shasum.
sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# pinned IMAGE TAG: prints the image with its digest, the SHA-256 of its manifest. The manifest of an image for several
# platforms is an index. The registry converts a manifest to a kind that is accepted, so all kinds must be: the converted
# one has another digest.
pinned() {
  local host=${1%%/*} path=${1#*/} manifest=$work/manifest headers=$work/headers digest announced
  curl --fail --silent --show-error --location --output "$manifest" --dump-header "$headers" \
    --header @"$work/authorization" \
    --header 'Accept: application/vnd.oci.image.index.v1+json' \
    --header 'Accept: application/vnd.oci.image.manifest.v1+json' \
    --header 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
    --header 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
    "https://$host/v2/$path/manifests/$2" || fail "cannot read the manifest of $1:$2."
  digest=sha256:$(sha256 "$manifest") || fail "cannot calculate a SHA-256: sha256sum or shasum failed."
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "sha256sum or shasum printed '$digest', which is no SHA-256."
  # After redirects, the last one counts.
  announced=$(tr -d '\r' <"$headers" | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: *//p' | tail -n 1)
  [ "$digest" = "$announced" ] ||
    fail "the manifest of $1:$2 is $digest, but the registry says '$announced'. Nothing was written; try again."
  echo "$1@$digest"
}

token=$(gcloud auth print-access-token) || fail 'no access token. Run: gcloud auth login'
echo "Authorization: Bearer $token" >"$work/authorization"

images=${IMAGES:-$(outputs 'value("releases")')}
docker_hub=$(outputs 'value("docker_hub")')
api=$(pinned "$images/wrpi-api" "$VERSION")
updater=$(pinned "$images/wrpi-updater" "$VERSION")
redis=$(pinned "$docker_hub/redis" "$(sed -n '/name: redis$/,/newTag:/ s/ *newTag: //p' ../kustomization.yaml)")

# shellcheck disable=SC2016 # these are variables of jq
outputs '
  "project=\(value("project"))",
  "domain=\(value("domain"))",
  "address=\(value("address"))",
  "certificate-map=\(value("certificate_map"))",
  "ssl-policy=\(value("ssl_policy"))",
  "security-policy=\(value("security_policy"))",
  "deployer=\(value("deployer"))",
  "runbook=https://github.com/\(value("repository"))/blob/v\($version)/docs/runbook.md",
  "dashboard=\(value("dashboard"))",
  "api-image=\($api)", "updater-image=\($updater)", "redis-image=\($redis)"
' --arg version "$VERSION" --arg api "$api" --arg updater "$updater" --arg redis "$redis" >"$work/values.env"
mv "$work/values.env" gke/values.env
rm -f gke-memorystore/values/redis.env gke-memorystore/values/ca.pem
echo "Wrote k8s/overlays/gke/values.env for version $VERSION." >&2

if jq --exit-status .redis.value "$work/outputs" >/dev/null; then
  # Memorystore's certificate does not contain its address.
  outputs 'value("redis") | "host=\(.host)\nport=\(.port)\ntls-any-name=true"' >gke-memorystore/values/redis.env
  outputs 'value("redis").ca' >gke-memorystore/values/ca.pem
  echo 'Wrote redis.env and ca.pem in k8s/overlays/gke-memorystore/values.' >&2
fi
