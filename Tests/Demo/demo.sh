#!/bin/bash
# demo.sh [compose|helm]: the main job on one machine, with embedded defaults: a Backend on SQLite, a folder as the bucket, an
# Agent and a real Docker Compose stack, or a real Helm release on Kubernetes, that goes from v1 to v2, each signed by the
# vendor, refuses what somebody changed on the way, goes to a broken v3 and rolls back by itself; then somebody interferes by
# hand and it is put right. Everything it starts and makes is removed at the end. BINARIES names the folder of programs that
# are built already.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
runtime=${1:-compose}
[ -f "$TESTBED/customer-$runtime.sh" ] || fail "usage: demo.sh [compose|helm]"

bash "$TESTBED/packages.sh"
bash "$TESTBED/engine.sh" up
bash "$TESTBED/images.sh"
[ "$runtime" != helm ] || { bash "$TESTBED/tools.sh"; bash "$TESTBED/cluster.sh" up; }
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")

binaries=${BINARIES:-}
[ -n "$binaries" ] || {
  say "building the programs"
  for product in wrktalk-backend wrktalk-agent wrktalkctl; do swift build --product "$product"; done
  binaries=$(swift build --show-bin-path); }
project=wrktalk-demo
port=${DEMO_PORT:-3900}
. "$TESTBED/customer.sh"

heading() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }
ready() { run wrktalkctl wait dd/wrktalk -n "$project" --for=condition=Ready --timeout "${1:-3m}"; }

# interfere: changes by hand what runs, and waits until the Agent has put it right.
interfere_compose() {
  heading "A container is killed by hand: the Agent notices and repairs it"
  local victim
  victim=$(docker ps -q --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.service=media)
  run docker rm -f "$victim"
  came_back() { docker ps --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.service=media --filter health=healthy -q | grep -q .; }
  wait_for 60 "the container media" came_back
}
interfere_helm() {
  heading "Somebody scales, changes an image and deletes a Service by hand: the Agent notices and repairs it"
  shows() { [ "$(kubectl get "$1" -o jsonpath="$2")" = "$3" ]; }
  run kubectl scale deployment/wrktalk-media --replicas 3
  wait_for 60 "one replica of media" shows deployment/wrktalk-media '{.spec.replicas}' 1
  ready 1m
  local image; image=$(kubectl get deployment/wrktalk-backend -o jsonpath='{..image}')
  run kubectl set image deployment/wrktalk-backend "backend=$images/backend:v3"
  wait_for 60 "the image of backend" shows deployment/wrktalk-backend '{..image}' "$image"
  ready 1m
  run kubectl delete service/wrktalk-media
  wait_for 60 "the Service of media" shows service/wrktalk-media '{.metadata.name}' wrktalk-media
}

heading "The vendor: keys of its own, and three releases, each signed with all that may run of it"
run begin_signing
release 1.0.0 v1
release 2.0.0 v2
release 3.0.0 crash
run wrktalkctl release verify "$folder/2.0.0.manifest.json" --root "$trust/root.json"

heading "The customer's Backend: the resource API on SQLite"
start_backend
echo "serving on $WRKTALK_SERVER"

case $runtime in compose) place="the Docker engine" ;; helm) place="the Kubernetes cluster" ;; esac
heading "The Agent: it reads desired state from the Backend and converges $place"
start_agent
echo "running"

heading "Apply release 1.0.0 and watch it converge"
run wrktalkctl apply -f "$folder/1.0.0.yaml"
wrktalkctl get dd -n "$project" --watch &
watcher=$!; programs+=("$watcher")
ready
run workloads

heading "Apply release 2.0.0: the same one command"
run wrktalkctl diff -f "$folder/2.0.0.yaml" || true
run wrktalkctl apply -f "$folder/2.0.0.yaml"
ready
run workloads

heading "Somebody who holds the Backend asks for another image than the vendor signed: nothing is touched"
sed 's/^    backend: v2$/    backend: crash/' "$folder/2.0.0.yaml" >"$folder/changed.yaml"
run wrktalkctl apply -f "$folder/changed.yaml"
run wrktalkctl wait dd/wrktalk -n "$project" --for=condition=Stalled --timeout 1m
run wrktalkctl get dd -n "$project"
run workloads
run wrktalkctl apply -f "$folder/2.0.0.yaml"
ready

heading "Apply release 3.0.0, whose images crash: the Agent tries it once and returns to 2.0.0 by itself"
run wrktalkctl apply -f "$folder/3.0.0.yaml"
run wrktalkctl wait dd/wrktalk -n "$project" --for=condition=Remediated --timeout 3m
run wrktalkctl describe dd wrktalk -n "$project"
run workloads

heading "Back to 2.0.0 in what is desired, too"
run wrktalkctl rollback wrktalk -n "$project" --to-version 2.0.0
ready

"interfere_$runtime"
ready 1m
run workloads

kill "$watcher" 2>/dev/null || true
heading "What happened"
run wrktalkctl get dd -n "$project"
run wrktalkctl history wrktalk -n "$project"
[ "$runtime" != helm ] || run helm history wrktalk
run wrktalkctl events -n "$project"
printf '\nThe demo is done. The README says how to go on from here.\n'
