#!/bin/bash
# build.sh: builds what fuzz.sh runs, with coverage, into .build-fuzzing.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=.build-fuzzing

bash Tests/Testbed/packages.sh
echo "fuzz: building with coverage"
mkdir -p "$build"
WRKTALK_FUZZING=1 swift build --product wrktalk-fuzz --scratch-path "$build" -Xswiftc -sanitize=fuzzer -Xlinker -z -Xlinker muldefs >"$build/build.log" 2>&1 ||
  { grep -E 'error' "$build/build.log" | head -20 >&2; tail -5 "$build/build.log" >&2; exit 1; }
