#!/bin/bash
# chart.sh VERSION OUTPUT.tgz: packs the fixture's Helm chart as VERSION. The same version gives the same bytes.
set -euo pipefail
[ $# = 2 ] || { echo "usage: chart.sh VERSION OUTPUT.tgz" >&2; exit 64; }
chart=$(cd "$(dirname "$0")/../Fixtures/chart/wrktalk" && pwd)
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cp -R "$chart" "$folder/wrktalk"
sed -E "s/^(version|appVersion): .*/\1: $1/" "$chart/Chart.yaml" >"$folder/wrktalk/Chart.yaml"
tar -C "$folder" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -c wrktalk | gzip -n >"$2"
