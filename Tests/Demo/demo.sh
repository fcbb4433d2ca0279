#!/bin/bash
# demo.sh: the main job on one machine, with embedded defaults: a Backend on SQLite, a folder as the bucket, an Agent and
# a real Docker Compose stack that goes from v1 to v2, then to a broken v3 that rolls back by itself; then a container is
# killed by hand and comes back. Everything it starts and makes is removed at the end.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."

bash "$TESTBED/packages.sh"
bash "$TESTBED/engine.sh" up
bash "$TESTBED/images.sh"
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")

say "building the programs"
for product in wrktalk-backend wrktalk-agent wrktalkctl; do swift build --product "$product"; done
binaries=$(swift build --show-bin-path)
project=wrktalk-demo
port=${DEMO_PORT:-3900}
. "$TESTBED/customer.sh"

heading() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }

release 1.0.0 v1
release 2.0.0 v2
release 3.0.0 crash

heading "The customer's Backend: the resource API on SQLite"
start_backend
echo "serving on $WRKTALK_SERVER"

heading "The Agent: it reads desired state from the Backend and converges the Docker engine"
start_agent
echo "running"

containers() { docker ps -a --filter "label=com.docker.compose.project=$project" --format '{{.Label "com.docker.compose.service"}}  {{.State}}  {{.Status}}' | sort; }
get() { run wrktalkctl get dd -n wrktalk; }

heading "Apply release 1.0.0 and watch it converge"
run wrktalkctl apply -f "$folder/1.0.0.yaml"
wrktalkctl get dd -n wrktalk --watch &
watcher=$!; programs+=("$watcher")
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 3m
run containers

heading "Apply release 2.0.0: the same one command"
run wrktalkctl diff -f "$folder/2.0.0.yaml" || true
run wrktalkctl apply -f "$folder/2.0.0.yaml"
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 3m
run containers

heading "Apply release 3.0.0, whose images crash: the Agent tries it once and returns to 2.0.0 by itself"
run wrktalkctl apply -f "$folder/3.0.0.yaml"
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Remediated --timeout 3m
run wrktalkctl describe dd wrktalk -n wrktalk
run containers

heading "Back to 2.0.0 in what is desired, too"
run wrktalkctl rollback wrktalk -n wrktalk --to-version 2.0.0
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 3m

heading "A container is killed by hand: the Agent notices and repairs it"
victim=$(docker ps -q --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.service=media)
run docker rm -f "$victim"
came_back() { docker ps --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.service=media --filter health=healthy -q | grep -q .; }
wait_for 60 "the container media" came_back
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 1m
run containers

kill "$watcher" 2>/dev/null || true
heading "What happened"
get
run wrktalkctl history wrktalk -n wrktalk
run wrktalkctl events -n wrktalk
printf '\nThe demo is done. The README says how to go on from here.\n'
