#!/bin/bash
# build.sh [FOLDER]: builds the programs as they are shipped, and writes them to FOLDER (.build/dist) with a bill of materials
# (sbom.spdx.json) and SHA256SUMS. RELEASE_PROGRAMS names some of them, where not all are meant. Two builds of one commit with
# the same toolchain and Debian packages are to give the same bytes: compare.sh compares them.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-.build/dist}
read -ra programs <<<"${RELEASE_PROGRAMS:-wrktalk-backend wrktalk-gcc wrktalk-agent wrktalkctl}"

# The versions of Package.resolved and no others. Where the source lies is no part of what is built. In a folder of its own it
# may be built while the one for debugging is in use.
flags=(--scratch-path .build-release -c release --static-swift-stdlib --only-use-versions-from-resolved-file
  -Xswiftc -file-prefix-map -Xswiftc "$PWD=/source" -Xcc "-ffile-prefix-map=$PWD=/source" -Xlinker --build-id=none)
# Where nobody has resolved them yet, they are the newest that Package.swift allows.
[ -f Package.resolved ] || swift package --scratch-path .build-release resolve
for program in "${programs[@]}"; do swift build "${flags[@]}" --product "$program"; done
folder=$(swift build "${flags[@]}" --show-bin-path)

mkdir -p "$out"
[ -z "$(ls -A "$out")" ] || [ -f "$out/SHA256SUMS" ] || { echo "build.sh: $out holds something else than a build" >&2; exit 73; }
rm -f "$out"/*
for program in "${programs[@]}"; do
  # Without debugging information, which is most of the size. The symbols stay: crash reports name functions by them.
  install -m 755 "$folder/$program" "$out/$program"
  strip --strip-debug "$out/$program"
  # By these hashes the compiler knows whether it must generate a module's code anew. They cover its command line, paths and all;
  # nothing reads them in a program, and nothing else in it differs between two builds.
  size=$((16#$(readelf -SW "$out/$program" | awk '{ for (i = 1; i < NF; i++) if ($i == ".swift_modhash") print $(i + 4) }')))
  head -c "$size" /dev/zero >"$out/.zeros"
  objcopy --update-section ".swift_modhash=$out/.zeros" "$out/$program"
  rm "$out/.zeros"
done
manifests/release/sbom.sh "$out"/* >"$out/sbom.spdx.json.new"
mv "$out/sbom.spdx.json.new" "$out/sbom.spdx.json"
(cd "$out" && sha256sum -- * >../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS)
cat "$out/SHA256SUMS"
