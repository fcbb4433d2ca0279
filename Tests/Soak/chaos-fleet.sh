#!/bin/bash
# chaos-fleet.sh: three processes of the vendor's server over one PostgreSQL, one of them killed with SIGKILL every KILL_EVERY (5)
# seconds and started again, while FLEET_SIZE (600) simulated customers are there and most of them take a release in three stages. At the
# end every customer of a stage runs it and nobody else was offered it, each webhook was known as a repetition where it came twice, and
# what is counted is what there is.
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
customers=${FLEET_SIZE:-600}
# The more there are the less often each asks, so that what is tried is the kills and not the machine's speed.
pace=$((customers / 500 + 2))
every=${KILL_EVERY:-5}
port=${CHAOS_PORT:-3940}
folder=$(mktemp -d)
programs=()
clean_up() {
  local program
  for program in "${programs[@]}" "${servers[@]:-}"; do [ -z "$program" ] || kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder" ${data:+"$data"}
}
trap clean_up EXIT
servers=()

bash "$TESTBED/tools.sh"
postgresql_bin=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_POSTGRESQL_BIN")
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
data=$(as_postgres mktemp -d)
as_postgres "$postgresql_bin/initdb" -D "$data" -U chaos --auth=trust >"$folder/postgresql.log" 2>&1
cd /tmp
as_postgres "$postgresql_bin/postgres" -D "$data" -p $((port + 9)) -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  >>"$folder/postgresql.log" 2>&1 &
programs+=($!)
cd - >/dev/null
wait_for 20 "PostgreSQL" "$postgresql_bin/pg_isready" -h 127.0.0.1 -p $((port + 9))
sql() { "$postgresql_bin/psql" -h 127.0.0.1 -p $((port + 9)) -U chaos -Atc "$1" postgres; }

export DATABASE_URL="postgresql://chaos@127.0.0.1:$((port + 9))/postgres" WRKTALK_DATABASE_URL= GCC_WEBHOOK_ALLOWED_ADDRESSES='*'
export GCC_SECRET_KEY GCC_BUCKET_PROVIDER=file GCC_BUCKET_NAME=$folder/bucket WRKTALK_LOG_LEVEL=warning
GCC_SECRET_KEY=$(openssl rand -hex 32)
mkdir "$folder/bucket"
serve() { # serve NUMBER
  wrktalk-gcc serve --listen "127.0.0.1:$((port + $1))" --data-dir "$folder/data-$1" >>"$folder/gcc-$1.log" 2>&1 &
  servers[$1]=$!
}
is_ready() { curl -sf "http://127.0.0.1:$((port + $1))/readyz" -o /dev/null; }
for number in 0 1 2; do serve "$number"; wait_for 60 "process $number" is_ready "$number"; done
wrktalk-gcc token create --role admin --name chaos --expires 1d --data-dir "$folder/data-0" >"$folder/token" 2>/dev/null
WRKTALK_TOKEN=$(cat "$folder/token"); export WRKTALK_TOKEN

for number in 0 1 2; do
  wrktalkctl simulate fleet --url "http://127.0.0.1:$((port + number))" --prefix "p$number" --organizations $((customers / 3)) \
    --listen "127.0.0.1:$((port + 4 + number))" --keys "$folder/keys-$number.jsonl" --heartbeat-every $((pace + 2))s --poll-every ${pace}s --offline 0% --never-consents 0% --slow 0% \
    --failing 0% --consent-after 2s --deployment 2s >"$folder/simulation-$number.json" 2>"$folder/simulation-$number.log" &
  programs+=($!); simulations[$number]=$!
done
enrolled() { [ "$(cat "$folder"/keys-*.jsonl 2>/dev/null | grep -c .)" -ge $((customers / 3 * 3)) ]; }
wait_for 600 "$customers simulated customers" enrolled

mkdir -p "$folder/chart/wrktalk"
printf 'apiVersion: v2\nname: wrktalk\nversion: 2.3.0\n' >"$folder/chart/wrktalk/Chart.yaml"
tar -C "$folder/chart" -czf "$folder/wrktalk-2.3.0.tgz" wrktalk
export WRKTALK_SERVER="http://127.0.0.1:$port"
mkdir -p "$folder/bundle/wrktalk"
printf 'services: {app: {image: "example.com/app:1"}}\n' >"$folder/bundle/wrktalk/docker-compose.yaml"
tar -C "$folder/bundle" -czf "$folder/wrktalk-2.3.0-compose.tar.gz" wrktalk
wrktalkctl release create --version 2.3.0 --helm "$folder/wrktalk-2.3.0.tgz" \
  --compose "$folder/wrktalk-2.3.0-compose.tar.gz" --backend-tag sha-abc123 >/dev/null
cat >"$folder/rollout.yaml" <<'YAML'
apiVersion: deploy.wrktalk.com/v1
kind: Rollout
metadata: {name: chaos}
spec:
  release: 2.3.0
  stages:
  - {name: canary, count: 20, gate: {successPercent: 90, minReports: 20}}
  - {name: tenth, percent: 20, maxInFlight: MAX, gate: {successPercent: 90, minReports: 50}}
  - {name: most, percent: 75, maxInFlight: MAX}
YAML
sed -i "s/MAX/$((customers / 15))/" "$folder/rollout.yaml"
wrktalkctl rollout start -f "$folder/rollout.yaml" >/dev/null 2>&1
wrktalkctl release publish 2.3.0 >/dev/null
say "one of three processes is killed every $every s"
kills=0
SECONDS=0
# As the stages choose.
left=$((customers / 3 * 3 - 20))
left=$((left - (left * 20 + 99) / 100))
members=$((customers / 3 * 3 - left + (left * 75 + 99) / 100))
while [ "$(sql "SELECT count(*) FROM gcc_deployment_target WHERE status = 'success'")" -lt $members ]; do
  [ "$SECONDS" -lt 900 ] || { sql "SELECT bucket, count(*) FROM gcc_deployment_target GROUP BY 1"; fail "the rollout did not end within 900 s"; }
  victim=$((RANDOM % 3))
  kill -KILL "${servers[$victim]}" 2>/dev/null || true
  wait "${servers[$victim]}" 2>/dev/null || true
  kills=$((kills + 1))
  sleep 1
  serve "$victim"
  sleep "$every"
done
say "all $members of $customers customers run the release after $SECONDS s and $kills kills"
others=$(sql "SELECT count(*) FROM organizational_service AS o WHERE NOT EXISTS
  (SELECT 1 FROM gcc_deployment_target AS t WHERE t.\"organizationName\" = o.name) AND o.\"currentVersion\" IS DISTINCT FROM '2.3.0'")
[ "$others" = $((customers / 3 * 3 - members)) ] || fail "$others customers were left alone, and not $((customers / 3 * 3 - members))"
differing=$(sql "SELECT count(*) FROM (
  SELECT \"rolloutName\" || '/' || \"releaseId\", \"stageIndex\", bucket, count(*) FROM gcc_deployment_target GROUP BY 1, 2, 3
  EXCEPT SELECT rollout, stage, bucket, count FROM gcc_rollout_counter WHERE count <> 0) AS d")
[ "$differing" = 0 ] || fail "$differing counters are not what there is"
repeated=$(sql "SELECT count(*) FROM (SELECT 1 FROM gcc_version_history GROUP BY \"organizationName\", \"releaseVersion\" HAVING count(*) > 1) AS d")
[ "$repeated" = 0 ] || fail "$repeated customers have the release twice in their history"
for number in 0 1 2; do kill -TERM "${simulations[$number]}"; wait "${simulations[$number]}" || true; done
python3 - "$members" "$folder"/simulation-*.json <<'PYTHON'
import json, sys
members = int(sys.argv[1])
summaries = [json.load(open(path)) for path in sys.argv[2:]]
hooks = {key: sum(s["webhooks"][key] for s in summaries) for key in ("received", "repeats", "badSignature")}
print("webhooks: {received} received, {repeats} known as repetitions, {badSignature} with a wrong signature".format(**hooks))
sys.exit(1 if hooks["badSignature"] or hooks["received"] - hooks["repeats"] > members else 0)
PYTHON
say "what is counted is what there is"
