#!/bin/bash
# test.sh [ARGUMENTS OF swift test]: sets up what the tests use, runs them, and names every suite that was skipped and why.
. "$(dirname "$0")/lib.sh"
cd "$TESTBED/../.."
bash "$TESTBED/packages.sh"
bash "$TESTBED/testbed.sh" up
set -a; . "$TESTBED_STATE/environment"; set +a

say "building"
swift build --build-tests
log=$TESTBED_STATE/test.log
say "testing"
status=0
swift test --skip-build "$@" 2>&1 | tee "$log" || status=$?

# Swift Testing says «Suite "X" skipped: "reason"» and «Test "y" skipped: "reason"».
skipped=$(grep -aE '(Suite|Test) .* skipped' "$log" | sed -E 's/^[^A-Za-z]*//' | sort -u || true)
if [ -n "$skipped" ]; then
  printf '\nNot run on this machine:\n%s\n' "$skipped"
  [ -z "${WRKTALK_REQUIRE_ALL_SUITES:-}" ] || fail "every suite is demanded, and some were skipped"
else
  printf '\nEvery suite was run.\n'
fi
exit $status
