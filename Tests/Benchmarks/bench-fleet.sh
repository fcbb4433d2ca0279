#!/bin/bash
# bench-fleet.sh: the vendor's server with a simulated fleet over real HTTP: heartbeats and polls a second, webhooks, and a rollout in
# three stages from its publication until all have reported; what each costs the server. FLEET_SIZE says how many customers
# there are (100000), FLEET_EVERY how often each sends a heartbeat and polls (28s, so that 7,000 requests a second are asked for),
# FLEET_SECONDS for how long is measured. During the rollout they come as often as the specification has it (§7.1):
# FLEET_ROLLOUT_EVERY (300s).
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
bash "$TESTBED/packages.sh"
install_packages curl
customers=${FLEET_SIZE:-100000}
every=${FLEET_EVERY:-28s}
seconds=${FLEET_SECONDS:-120}
rollout_every=${FLEET_ROLLOUT_EVERY:-300s}
say "building for release"
# With the flags of manifests/release/build.sh, so that what is shipped is measured, and built once.
flags=(--scratch-path .build-release -c release --static-swift-stdlib
  -Xswiftc -file-prefix-map -Xswiftc "$PWD=/source" -Xcc "-ffile-prefix-map=$PWD=/source" -Xlinker --build-id=none)
for product in wrktalk-gcc wrktalkctl; do
  swift build "${flags[@]}" --product "$product" >"$TESTBED_STATE/build.log" 2>&1 || { tail -20 "$TESTBED_STATE/build.log" >&2; exit 1; }
done
PATH=$(swift build "${flags[@]}" --show-bin-path):$PATH
port=${BENCH_PORT:-3930}
folder=$(mktemp -d)
programs=()
clean_up() {
  local program
  for program in "${programs[@]}"; do kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder" ${data:+"$data"}
}
trap clean_up EXIT

# A PostgreSQL of its own, with the durability it ships with.
bash "$TESTBED/tools.sh"
postgresql_bin=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_POSTGRESQL_BIN")
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
data=$(as_postgres mktemp -d)
as_postgres "$postgresql_bin/initdb" -D "$data" -U bench --auth=trust >"$folder/postgresql.log" 2>&1
(cd /tmp; exec runuser -u postgres -- "$postgresql_bin/postgres" -D "$data" -p $((port + 1)) -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories= -c shared_buffers=256MB -c max_wal_size=2GB) >>"$folder/postgresql.log" 2>&1 &
programs+=($!)
wait_for 20 "PostgreSQL" "$postgresql_bin/pg_isready" -h 127.0.0.1 -p $((port + 1))

export DATABASE_URL="postgresql://bench@127.0.0.1:$((port + 1))/postgres" WRKTALK_DATABASE_URL= GCC_BUCKET_NAME=
export GCC_SECRET_KEY GCC_WEBHOOK_ALLOWED_ADDRESSES='*' WRKTALK_LOG_LEVEL=warning WRKTALK_SERVER="http://127.0.0.1:$port"
GCC_SECRET_KEY=$(openssl rand -hex 32)
ulimit -n "$(ulimit -Hn)"
serve() {
  wrktalk-gcc serve --listen "127.0.0.1:$port" --data-dir "$folder/data" --max-connections 20000 --requests-per-second 100000 \
    >"$folder/gcc.log" 2>&1 &
  server=$!; programs+=("$server")
  wait_for 60 "the vendor's server" curl -sf "$WRKTALK_SERVER/readyz" -o /dev/null
}
mkdir -p "$folder/data"
serve
wrktalk-gcc token create --role admin --name bench --expires 1d --data-dir "$folder/data" >"$folder/token" 2>/dev/null
WRKTALK_TOKEN=$(cat "$folder/token"); export WRKTALK_TOKEN

value() { python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v=v[k]
print(v)' "$1" "$2"; }
sql() { "$postgresql_bin/psql" -h 127.0.0.1 -p $((port + 1)) -U bench -Atc "$1" postgres; }
row() { printf '%-44s%s\n' "$1" "$2"; }

begin=$(date +%s)
wrktalkctl simulate fleet --organizations "$customers" --keys "$folder/keys.jsonl" --for 1s >/dev/null 2>"$folder/enrolment.log"
row "$customers customers enrolled" "$(( $(date +%s) - begin )) s, three requests each"

# The first heartbeat of each brings it online, which is a change, an Event and an entry of the journal: that is no rest yet.
wrktalkctl simulate fleet --organizations "$customers" --keys "$folder/keys.jsonl" --heartbeat-every "$every" --poll-every "$every" \
  --for "$every" >"$folder/first.json" 2>"$folder/first.log"
row "first heartbeats" "$(value "$folder/first.json" heartbeats.perSecond)/s; p50 $(value "$folder/first.json" heartbeats.milliseconds.p50) ms, p99 $(value "$folder/first.json" heartbeats.milliseconds.p99) ms"

cpu() { awk '{print $14 + $15}' "/proc/$1/stat"; }
before=$(cpu "$server")
statements() { sql "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"; }
transactions=$(statements)
wrktalkctl simulate fleet --organizations "$customers" --keys "$folder/keys.jsonl" --heartbeat-every "$every" --poll-every "$every" \
  --for "${seconds}s" >"$folder/idle.json" 2>"$folder/idle.log"
row "heartbeats, and polls that find nothing new" "$(value "$folder/idle.json" heartbeats.perSecond)/s and $(value "$folder/idle.json" polls.perSecond)/s; heartbeats p50 $(value "$folder/idle.json" heartbeats.milliseconds.p50) ms, p99 $(value "$folder/idle.json" heartbeats.milliseconds.p99) ms"
row "  of that the server" "$(( ($(cpu "$server") - before) * 10 / seconds )) ms of CPU a second, $(( ($(statements) - transactions) / seconds )) transactions a second, $(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$server/status") MB at most"

# A rollout in three stages, until all who can have reported.
mkdir -p "$folder/chart/wrktalk"
printf 'apiVersion: v2\nname: wrktalk\nversion: 2.3.0\n' >"$folder/chart/wrktalk/Chart.yaml"
tar -C "$folder/chart" -czf "$folder/wrktalk-2.3.0.tgz" wrktalk
mkdir -p "$folder/bundle/wrktalk"
printf 'services: {app: {image: "example.com/app:1"}}\n' >"$folder/bundle/wrktalk/docker-compose.yaml"
tar -C "$folder/bundle" -czf "$folder/wrktalk-2.3.0-compose.tar.gz" wrktalk
wrktalkctl release create --version 2.3.0 --helm "$folder/wrktalk-2.3.0.tgz" \
  --compose "$folder/wrktalk-2.3.0-compose.tar.gz" --backend-tag sha-abc123 >/dev/null
cat >"$folder/rollout.yaml" <<'YAML'
apiVersion: deploy.wrktalk.com/v1
kind: Rollout
metadata: {name: bench}
spec:
  release: 2.3.0
  stages:
  - {name: canary, count: 100, gate: {successPercent: 90, minReports: 50}}
  - {name: tenth, percent: 10, gate: {successPercent: 90, minReports: 50}}
  - {name: everyone}
YAML
wrktalkctl simulate fleet --organizations "$customers" --keys "$folder/keys.jsonl" --heartbeat-every "$rollout_every" --poll-every "$rollout_every" \
  --offline 0% --slow 0% --never-consents 0% --consent-after 1s --deployment 1s --for 600s >"$folder/rollout.json" 2>"$folder/rollout.log" &
simulation=$!; programs+=("$simulation")
sleep 5
transactions=$(statements)
wrktalkctl rollout start -f "$folder/rollout.yaml" >/dev/null 2>&1
wrktalkctl release publish 2.3.0 >/dev/null
begin=$(date +%s%N)
reported() { [ "$(sql "SELECT coalesce(sum(count), 0) FROM gcc_rollout_counter WHERE bucket IN ('succeeded', 'failed')")" -ge "$customers" ]; }
wait_for 590 "all reports" reported
elapsed=$(( ($(date +%s%N) - begin) / 1000000 ))
row "a rollout from publication to all reported" "$(( elapsed / 1000 )) s, $(( customers * 1000 / elapsed )) targets/s, $(( ($(statements) - transactions) * 1000 / customers )) transactions for 1000 targets"
row "  its server" "$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$server/status") MB at most"
kill -TERM "$simulation"; wait "$simulation" || true
row "  webhooks" "$(value "$folder/rollout.json" webhooks.received) received, $(value "$folder/rollout.json" webhooks.repeats) repeats, $(value "$folder/rollout.json" webhooks.badSignature) with a wrong signature"

kill "$server"; wait "$server" 2>/dev/null || true
begin=$(date +%s%N)
serve
row "ready again after a restart" "$(( ($(date +%s%N) - begin) / 1000000 )) ms"
