#!/bin/bash
# fuzz.sh [TARGET...]: looks for inputs with which what must hold does not, FUZZ_SECONDS (600) for each target, beginning with
# the corpus of Tests/Fixtures/fuzzing. A finding is kept in .build-fuzzing/findings, and its input belongs into that corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-600}
build=.build-fuzzing
say() { printf 'fuzz: %s\n' "$*"; }

bash Tests/Fuzzing/build.sh

targets=("$@")
[ $# -gt 0 ] || for folder in Tests/Fixtures/fuzzing/*/; do targets+=("$(basename "$folder")"); done
mkdir -p "$build/findings"
failed=()
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  log=$build/$target.log
  if SWIFT_BACKTRACE=enable=no WRKTALK_FUZZ_TARGET=$target "$build/debug/wrktalk-fuzz" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/findings/$target-" \
    "$build/corpus/$target" "Tests/Fixtures/fuzzing/$target" >"$log" 2>&1; then
    say "$target: nothing in $seconds s, $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs"
  else
    failed+=("$target")
    say "$target: a finding"
    grep -aE 'Fatal error|ERROR:|SUMMARY|Test unit written' "$log" | head -8 >&2
  fi
done
[ ${#failed[@]} = 0 ] || { say "findings in: ${failed[*]}; the inputs are in $build/findings" >&2; exit 1; }
