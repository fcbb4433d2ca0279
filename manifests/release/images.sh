#!/bin/bash
# images.sh TAG: builds the images that are shipped, from bases and tools that the release pipeline names by digest:
#   SWIFT_IMAGE, DEBIAN_IMAGE, DOCKER_IMAGE   such as debian:bookworm-slim@sha256:…
#   HELM_SHA256 [HELM_VERSION]                of the archive on get.helm.sh, after its signature was checked
# A tag alone is refused: what it means changes. Each image has the bill of materials of its program in /usr/local/share.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 1 ] || { echo "usage: manifests/release/images.sh TAG" >&2; exit 64; }
wrong=0
for name in SWIFT_IMAGE DEBIAN_IMAGE DOCKER_IMAGE; do
  [[ ${!name:-} =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] ||
    { echo "images.sh: $name must be an image with its digest, NAME@sha256:…" >&2; wrong=1; }
done
[[ ${HELM_SHA256:-} =~ ^[0-9a-f]{64}$ ]] || { echo "images.sh: HELM_SHA256 must be 64 hexadecimal digits" >&2; wrong=1; }
[ "$wrong" = 0 ] || exit 78

arguments=(--build-arg "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)")
for name in SWIFT_IMAGE DEBIAN_IMAGE DOCKER_IMAGE HELM_SHA256 HELM_VERSION; do
  [ -z "${!name:-}" ] || arguments+=(--build-arg "$name=${!name}")
done
docker build "${arguments[@]}" -f manifests/Dockerfile.backend -t "ghcr.io/wrktalk/wrktalk-backend:$1" .
docker build "${arguments[@]}" -f manifests/Dockerfile.gcc -t "ghcr.io/wrktalk/wrktalk-gcc:$1" .
docker build "${arguments[@]}" -f manifests/Dockerfile.agent -t "ghcr.io/wrktalk/wrktalk-agent:$1" .
docker build "${arguments[@]}" -f compose/Dockerfile.agent -t "ghcr.io/wrktalk/wrktalk-agent-compose:$1" .
