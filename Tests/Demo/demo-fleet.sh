#!/bin/bash
# demo-fleet.sh: the vendor's side on one machine, with embedded defaults: a release as CI makes it reaches simulated customers in
# stages; then a bad one halts in its second stage, and those that took it are offered the version before. Everything it starts
# and makes is removed at the end. BINARIES names the folder of programs that are built already, FLEET_SIZE how many customers
# there are.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
bash "$TESTBED/packages.sh"
install_packages curl
binaries=${BINARIES:-}
[ -n "$binaries" ] || {
  say "building the programs"
  for product in wrktalk-gcc wrktalkctl; do swift build --product "$product"; done
  binaries=$(swift build --show-bin-path); }
PATH=$binaries:$PATH
customers=${FLEET_SIZE:-120}
port=${DEMO_PORT:-3920}
folder=$(mktemp -d)
programs=()
clean_up() {
  local program
  for program in "${programs[@]}"; do kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT
heading() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }

export WRKTALK_SERVER=http://127.0.0.1:$port
heading "The vendor's server, with a folder as its bucket and an embedded database"
# CI's token stands in the environment, as the specification has it; customers of this demo are on this machine.
export CI_TOKEN; CI_TOKEN=$(openssl rand -hex 32)
WRKTALK_DATABASE_URL= DATABASE_URL= GCC_BUCKET_NAME= GCC_WEBHOOK_ALLOWED_ADDRESSES='*' \
  wrktalk-gcc serve --listen "127.0.0.1:$port" --data-dir "$folder/data" >"$folder/gcc.log" 2>&1 &
programs+=($!)
wait_for 30 "the vendor's server" curl -sf "$WRKTALK_SERVER/readyz" -o /dev/null
WRKTALK_DATABASE_URL= DATABASE_URL= wrktalk-gcc token create --role admin --name demo --expires 1d \
  --data-dir "$folder/data" >"$folder/token" 2>/dev/null
WRKTALK_TOKEN=$(cat "$folder/token"); export WRKTALK_TOKEN

# simulate SHARE: customers of which so many fail, until they are stopped.
simulate() {
  wrktalkctl simulate fleet --organizations "$customers" --keys "$folder/keys.jsonl" --heartbeat-every 5s --poll-every 5s \
    --offline 0% --never-consents 0% --slow 0% --consent-after 1s --deployment 1s --failing "$1" \
    >"$folder/simulation.json" 2>"$folder/simulation.log" &
  simulation=$!; programs+=("$simulation")
  enrolled() { [ "$(grep -c . "$folder/keys.jsonl" 2>/dev/null || echo 0)" -ge "$customers" ]; }
  wait_for 300 "$customers simulated customers" enrolled
  wait_for 60 "their heartbeats" grep -q heartbeats "$folder/simulation.log"
}
# release VERSION: as CI makes it, with the specification's own requests.
release() {
  mkdir -p "$folder/chart/wrktalk"
  printf 'apiVersion: v2\nname: wrktalk\nversion: %s\n' "$1" >"$folder/chart/wrktalk/Chart.yaml"
  tar -C "$folder/chart" -czf "$folder/wrktalk-$1.tgz" wrktalk
  run curl -sS --fail-with-body -X POST "$WRKTALK_SERVER/api/internal/artifacts" -H @"$folder/ci-header" \
    -F "file=@$folder/wrktalk-$1.tgz" -F type=helm -F "version=$1"; echo
  mkdir -p "$folder/bundle/wrktalk"
  printf 'services: {app: {image: "example.com/app:1"}}\n' >"$folder/bundle/wrktalk/docker-compose.yaml"
  tar -C "$folder/bundle" -czf "$folder/wrktalk-$1-compose.tar.gz" wrktalk
  run curl -sS --fail-with-body -X POST "$WRKTALK_SERVER/api/internal/artifacts" -H @"$folder/ci-header" \
    -F "file=@$folder/wrktalk-$1-compose.tar.gz" -F type=compose -F "version=$1"; echo
  run curl -sS --fail-with-body -X POST "$WRKTALK_SERVER/api/internal/releases" -H @"$folder/ci-header" \
    -H "Content-Type: application/json" -d '{"version": "'"$1"'", "imageTags": {"backend": "sha-abc123", "media": "sha-def456",
      "controlTower": "sha-ghi789", "agent": "sha-jkl012"}, "isForced": false, "isMigrationRequired": false,
      "releaseNotes": "Bug fixes"}'; echo
}
# rollout VERSION: in three stages, the last for everyone left.
rollout() {
  cat >"$folder/rollout-$1.yaml" <<YAML
apiVersion: deploy.wrktalk.com/v1
kind: Rollout
metadata: {name: to-$1}
spec:
  release: $1
  onHalt: OfferPrevious
  stages:
  - name: canary
    count: 5
    gate: {minReports: 5}
  - name: tenth
    percent: 10
    gate: {maxFailuresPercent: 5, minReports: 10}
  - name: everyone
    maxInFlight: 50
YAML
  run cat "$folder/rollout-$1.yaml"
  run wrktalkctl rollout start -f "$folder/rollout-$1.yaml"
  run wrktalkctl release publish "$1"
}
(umask 077; printf 'Authorization: Bearer %s\n' "$CI_TOKEN" >"$folder/ci-header")

heading "$customers customers, each with a key and a webhook secret"
simulate 0%
run wrktalkctl fleet status

heading "A release as CI makes it, and its way to everyone in three stages"
release 2.3.0
rollout 2.3.0
run wrktalkctl rollout status to-2.3.0 --watch --timeout 3m

heading "The next one fails at some customers: the second stage halts it"
kill -TERM "$simulation"; wait "$simulation" || true
simulate 30%
release 2.4.0
rollout 2.4.0
code=0
run wrktalkctl rollout status to-2.4.0 --watch --timeout 3m || code=$?
[ "$code" = 1 ] || fail "the rollout should have halted, and its status ended with $code"
run wrktalkctl fleet failures 2.4.0
run wrktalkctl describe rollout to-2.4.0
run wrktalkctl fleet status
heading "The demo is done"
