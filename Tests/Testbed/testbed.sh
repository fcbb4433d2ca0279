#!/bin/bash
# testbed.sh up|down|environment: everything the tests can use on this machine, for real.
# A part that cannot come up is named, and the suites that need it are skipped; with WRKTALK_REQUIRE_ALL_SUITES=1 it is
# an error. `environment` prints the variables that tell the tests what is there.
. "$(dirname "$0")/lib.sh"

bring_up() { # bring_up WHAT SCRIPT [ARGUMENT...]
  local what=$1; shift
  if ! bash "$TESTBED/$@" 2>"$TESTBED_STATE/problem.log"; then
    say "no $what: $(tail -1 "$TESTBED_STATE/problem.log")"
    [ -z "${WRKTALK_REQUIRE_ALL_SUITES:-}" ] || fail "every suite is demanded, and this machine has no $what"
  fi
}
case ${1:-up} in
up)
  rm -f "$TESTBED_STATE/environment"; touch "$TESTBED_STATE/environment"
  bring_up "Docker engine" engine.sh up
  docker info >/dev/null 2>&1 && bring_up "application images" images.sh
  bring_up "kubectl, Helm and PostgreSQL" tools.sh
  bring_up "Kubernetes client in Python" clients.sh
  docker info >/dev/null 2>&1 && bring_up "Kubernetes cluster" cluster.sh up
  bring_up "object stores" stores.sh up
  bring_up "browser" browser.sh
  ;;
down) bash "$TESTBED/stores.sh" down; bash "$TESTBED/cluster.sh" down; bash "$TESTBED/engine.sh" down; rm -f "$TESTBED_STATE/environment" ;;
environment) cat "$TESTBED_STATE/environment" 2>/dev/null || true ;;
*) fail "usage: testbed.sh up|down|environment" ;;
esac
