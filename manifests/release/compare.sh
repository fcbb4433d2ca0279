#!/bin/bash
# compare.sh: builds the last commit twice, in two folders of different names, and compares the bytes of what is shipped.
# RELEASE_PROGRAMS names those to build, where not all are meant.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
for folder in one another; do
  git clone -q "$repository" "$work/$folder/source"
  (cd "$work/$folder/source" && manifests/release/build.sh "$work/$folder/dist" >"$work/$folder.log" 2>&1) ||
    { tail -20 "$work/$folder.log" >&2; exit 1; }
done
if diff -r "$work/one/dist" "$work/another/dist"; then
  echo "the same bytes:"; cat "$work/one/dist/SHA256SUMS"
else
  echo "the two builds differ" >&2; exit 1
fi
