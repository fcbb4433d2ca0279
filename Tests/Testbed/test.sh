#!/bin/bash
# test.sh [PATTERN]: sets up what the tests use, runs them (or those suites that match PATTERN), and names every suite that
# was skipped and why.
. "$(dirname "$0")/lib.sh"
cd "$TESTBED/../.."
bash "$TESTBED/packages.sh"
bash "$TESTBED/testbed.sh" up
set -a; . "$TESTBED_STATE/environment"; set +a

say "building"
swift build --build-tests
# Pods run the programs just built.
if [ -n "${WRKTALK_TEST_KUBECONFIG:-}" ]; then
  bash "$TESTBED/program-images.sh" "$(swift build --show-bin-path)"
  set -a; . "$TESTBED_STATE/environment"; set +a
fi

# One suite after the other: those that measure out deadlines would time out for the load of those that compute.
log=$TESTBED_STATE/test.log; : >"$log"
status=0
failed=()
# A browser gives up what it loads when a network of containers comes or goes: pages are tested while no other test makes one.
pages='^ProgramTests\.((PageModule|TowerSession|FleetDashboard)Tests)'
tower='^ProgramTests\.ControlTowerTests'
for suite in $(cd "$TESTBED/.." && printf '%s\n' *Tests) "$pages" "$tower"; do
  [ -z "${1:-}" ] || [[ $suite =~ $1 ]] || continue
  what=(--filter "^$suite\.")
  case $suite in
    ProgramTests) what+=(--skip "$pages" --skip "$tower") ;;
    ^*) what=(--filter "$suite") ;;
  esac
  say "$suite"
  # What the suite itself ended with, whatever there was to show; after `|| true` PIPESTATUS would tell of that alone.
  set +e
  timeout --foreground "${WRKTALK_TEST_LIMIT:-45m}" swift test --skip-build "${what[@]}" 2>&1 | tee -a "$log" |
    grep -aE '✘|recorded an issue|skipped|Test run with|error:'
  ended=${PIPESTATUS[0]}
  set -e
  [ "$ended" != 124 ] || say "$suite has not come to its end within ${WRKTALK_TEST_LIMIT:-45m}: see $log for what it began"
  [ "$ended" = 0 ] || { status=1; failed+=("$suite"); }
done

# Swift Testing says «Suite X skipped: "reason"» and «Test y() skipped: "reason"».
skipped=$(grep -aE '^[^A-Za-z]*(Suite|Test) [A-Za-z0-9_]+(\([^)]*\))? skipped' "$log" | sed -E 's/^[^A-Za-z]*//' | sort -u || true)
if [ -n "$skipped" ]; then
  printf '\nNot run on this machine:\n%s\n' "$skipped"
  [ -z "${WRKTALK_REQUIRE_ALL_SUITES:-}" ] || fail "every suite is demanded, and some were skipped"
else
  printf '\nEvery suite was run.\n'
fi
passed=$(grep -acE '^[^A-Za-z]*Test [A-Za-z0-9]+\(.*\) passed|^[^A-Za-z]*Test [A-Za-z0-9]+\(.*\) with [0-9]+ test cases passed' "$log" || true)
broken=$(grep -acE '^[^A-Za-z]*Test [A-Za-z0-9]+\(.*\)( with [0-9]+ test cases?)? failed' "$log" || true)
[ ${#failed[@]} = 0 ] || printf 'Failed: %s; everything they printed is in %s\n' "${failed[*]}" "$log"
printf '%s passed, %s failed\n' "$passed" "$broken"
exit $status
