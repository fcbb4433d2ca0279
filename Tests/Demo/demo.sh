#!/bin/bash
# demo.sh [compose|helm]: the whole way of a release on one machine, with embedded defaults: the vendor's server, a customer's Backend
# with a folder as its bucket, an Agent, and a real Docker Compose stack or a real Helm release on Kubernetes. CI makes releases,
# the vendor publishes them, the customer's admin says when, the Agent deploys, the vendor is told. One that somebody changed on
# the way is refused, one that crashes rolls back by itself and halts its rollout; then somebody interferes by hand and it is put
# right. Everything it starts and makes is removed at the end. BINARIES names the folder of programs that are built already.
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
  for product in wrktalk-gcc wrktalk-backend wrktalk-agent wrktalkctl; do swift build --product "$product"; done
  binaries=$(swift build --show-bin-path); }
project=wrktalk-demo
port=${DEMO_PORT:-3900}
. "$TESTBED/customer.sh"
. "$TESTBED/vendor.sh"

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

# offered VERSION: the customer has the release, downloaded and verified, and may deploy it.
offered() {
  is_offered() { wrktalkctl deployment list -o json | jq -e --arg v "$1" '.pending[] | select(.version == $v and .chartDownloaded)' >/dev/null; }
  wait_for 60 "the offer of $1" is_offered "$1"
  run wrktalkctl deployment list
}
# told VERSION PHASE...: the vendor knows how the release went at the customer.
told() {
  local version=$1; shift
  quietly() { WRKTALK_SERVER=$vendor_server WRKTALK_TOKEN=$(cat "$folder/engineer.token") wrktalkctl "$@"; }
  is_told() { quietly get deploymenttargets -o json |
    jq -e --arg v "$1" --arg s "$2" '.items[] | select(.spec.release == $v and (.status.phase | IN($s | split(" ")[])))' >/dev/null; }
  wait_for 60 "the report of $version" is_told "$version" "$*"
  at_vendor get deploymenttargets -o wide
}
# known VERSION: the vendor knows what the customer runs.
known() {
  is_known() { [ "$(quietly get organization "$customer" -o json | jq -r .status.currentVersion)" = "$1" ]; }
  wait_for 60 "the vendor's knowledge of $1" is_known "$1"
  at_vendor org history "$customer"
}

heading "The vendor: keys of its own, a server, and a customer"
run begin_signing
start_vendor
enrol
# What crashes is given up after this time, not after ten minutes.
backend_settings+=("WRKTALK_DEPLOYMENT_TIMEOUT=1m")

heading "The customer: a Backend that asks that vendor for releases"
start_backend
echo "serving on $WRKTALK_SERVER"

case $runtime in compose) place="the Docker engine" ;; helm) place="the Kubernetes cluster" ;; esac
heading "The Agent: it reads desired state from the Backend and converges $place; it trusts what the vendor signed, and nobody else"
start_agent
echo "running"

heading "CI makes release 1.0.0, and the vendor publishes it"
ci 1.0.0 v1
at_vendor release publish 1.0.0

heading "The customer's admin sees it, and says when"
offered 1.0.0
run wrktalkctl deployment schedule 1.0.0
wrktalkctl get dd -n "$project" --watch &
watcher=$!; programs+=("$watcher")
there() { wrktalkctl get dd wrktalk -n "$project" -o name >/dev/null 2>&1; }
wait_for 30 "the record" there
ready
run workloads
told 1.0.0 Success

heading "Release 2.0.0 the same way"
ci 2.0.0 v2
at_vendor release publish 2.0.0
offered 2.0.0
run wrktalkctl deployment schedule 2.0.0
runs() { [ "$(wrktalkctl get dd wrktalk -n "$project" -o json | jq -r .status.current.version)" = "$1" ]; }
wait_for 180 "2.0.0" runs 2.0.0
ready
run workloads
told 2.0.0 Success
at_vendor fleet status

heading "Release 3.0.0, whose images crash: a rollout that halts at the first failure"
ci 3.0.0 crash
cat >"$folder/rollout.yaml" <<YAML
apiVersion: deploy.wrktalk.com/v1
kind: Rollout
metadata: {name: to-3.0.0}
spec:
  release: 3.0.0
  stages:
  - name: canary
    organizations: [$customer]
    gate: {maxFailures: 0}
  - name: everyone
YAML
at_vendor rollout start -f "$folder/rollout.yaml"
at_vendor release publish 3.0.0
offered 3.0.0
run wrktalkctl deployment schedule 3.0.0
wait_for 180 "the return to 2.0.0" eval 'wrktalkctl wait dd/wrktalk -n "$project" --for=condition=Remediated --timeout 5s >/dev/null 2>&1'
run wrktalkctl describe dd wrktalk -n "$project"
run workloads
told 3.0.0 Failed RolledBack
code=0
at_vendor rollout status to-3.0.0 --watch --timeout 1m || code=$?
[ "$code" = 1 ] || fail "the rollout should have halted, and its status ended with $code"
at_vendor fleet failures 3.0.0

heading "Back to 1.0.0 by hand, which ran here: no vendor is needed for that"
run wrktalkctl deployment rollback --to-version 1.0.0 --reason "to see that it works"
wait_for 180 "1.0.0" runs 1.0.0
ready
run workloads
known 1.0.0

"interfere_$runtime"
ready 1m
run workloads

kill "$watcher" 2>/dev/null || true
heading "What happened"
run wrktalkctl deployment list
run wrktalkctl history wrktalk -n "$project"
[ "$runtime" != helm ] || run helm history wrktalk
run wrktalkctl events -n "$project"
run wrktalkctl audit verify
printf '\nThe demo is done. The README says how to go on from here.\n'
