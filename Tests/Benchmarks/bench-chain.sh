#!/bin/bash
# bench-chain.sh BIN_DIR: what a customer's Backend costs on PostgreSQL, with a vendor's server before it and an Agent behind it: while
# there is nothing to do, from a webhook to its acknowledgement, under a flood of wrong signatures, and from an offer to its artifact
# in the bucket. Part of bench.sh, which brings the engine up. BENCH_QUICK=1 takes half a minute.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
[ $# = 1 ] && [ -d "$1" ] || fail "usage: bench-chain.sh BIN_DIR"
binaries=$(cd "$1" && pwd)
install_packages curl jq
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")
postgresql_bin=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_POSTGRESQL_BIN")
runtime=compose
project=wrktalk-bench-chain
port=$((${BENCH_PORT:-3910} + 20))
. "$TESTBED/customer.sh"
. "$TESTBED/vendor.sh"
. "$TESTBED/../Benchmarks/measure.sh"
quick=${BENCH_QUICK:-}
row() { printf '%-44s%s\n' "$1" "$2"; }
run() { "$@"; }
quietly() { "$@" >>"$folder/bench.log" 2>&1 || { tail -5 "$folder/bench.log" >&2; fail "while measuring: $* failed"; }; }

# PostgreSQL with the durability it ships with, which counts statements.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
data=$(cd /tmp; as_postgres mktemp -d)
postgresql_port=$((port + 5))
(cd /tmp; as_postgres "$postgresql_bin/initdb" -D "$data" -U bench --auth=trust) >"$folder/postgresql.log" 2>&1
(cd /tmp; exec runuser -u postgres -- "$postgresql_bin/postgres" -D "$data" -p "$postgresql_port" -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories= -c shared_preload_libraries=pg_stat_statements) >>"$folder/postgresql.log" 2>&1 &
programs+=($!)
wait_for 20 "PostgreSQL" "$postgresql_bin/pg_isready" -q -h 127.0.0.1 -p "$postgresql_port"
sql() { "$postgresql_bin/psql" -h 127.0.0.1 -p "$postgresql_port" -U bench -Atc "$1" postgres; }
quietly sql "CREATE EXTENSION pg_stat_statements"

# Every way that leads to or from the Backend counts its bytes.
from_agent=$((port + 6)) to_database=$((port + 7)) to_vendor=$((port + 8))
python3 "$TESTBED/../Benchmarks/count-bytes.py" "$folder/bytes" "$from_agent=127.0.0.1:$port" \
  "$to_database=127.0.0.1:$postgresql_port" "$to_vendor=127.0.0.1:$vendor_port" &
programs+=($!)
bytes() { awk -v port="$1" '$1 == port { print $2 }' "$folder/bytes"; }

quietly begin_signing
quietly start_vendor
quietly enrol
export WRKTALK_DATABASE_URL=postgresql://bench@127.0.0.1:$to_database/postgres WRKTALKCTL_CONFIG=$folder/wrktalkctl.yaml
WRKTALK_SECRET_KEY=$(openssl rand -hex 32); export WRKTALK_SECRET_KEY
wait_for 10 "the counters" test -s "$folder/bytes"
wrktalk-backend token create --role admin --name admin >"$folder/admin.token" 2>>"$folder/backend.log"
wrktalk-backend token create --role agent --namespace "$project" --name agent >"$folder/agent.token" 2>>"$folder/backend.log"
env "${backend_settings[@]}" "WRKTALK_GCC_ENDPOINT=http://127.0.0.1:$to_vendor" WRKTALK_LOG_LEVEL=warning \
  wrktalk-backend serve --listen "127.0.0.1:$port" --data-dir "$folder/backend" >>"$folder/backend.log" 2>&1 &
backend_pid=$!; programs+=("$backend_pid")
WRKTALK_TOKEN=$(cat "$folder/admin.token"); export WRKTALK_TOKEN
wait_for 20 "the Backend" curl -fs "http://127.0.0.1:$port/readyz" -o /dev/null
WRKTALK_SERVER=http://127.0.0.1:$from_agent start_agent
export WRKTALK_SERVER=http://127.0.0.1:$port

quietly ci 1.0.0 v1
quietly at_vendor release publish 1.0.0
# is_stored VERSION: the artifact lies in the customer's bucket, and may be deployed.
is_stored() {
  curl -fs "$WRKTALK_SERVER/api/admin/deployment/releases" -H "Authorization: Bearer $WRKTALK_TOKEN" |
    jq -e --arg v "$1" '.pending[] | select(.version == $v and .chartDownloaded)' >/dev/null
}
wait_for 30 "1.0.0" is_stored 1.0.0
quietly wrktalkctl deployment schedule 1.0.0
there() { wrktalkctl get dd wrktalk -n "$project" -o name >/dev/null 2>&1; }
wait_for 30 "the record" there
quietly wrktalkctl wait dd/wrktalk -n "$project" --for=condition=Ready --timeout 2m

wrktalk-bench webhook --url "http://127.0.0.1:$port/api/deployment/webhook" --secret-file "$folder/webhook.secret" \
  --count "$([ -n "$quick" ] && echo 300 || echo 1500)"
memory() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$backend_pid/status"; }
before=$(memory)
wrktalk-bench flood --port "$port" --token-file "$folder/agent.token" --seconds "$([ -n "$quick" ] && echo 3 || echo 20)" \
  --agent-path "/apis/deploy.wrktalk.com/v1/namespaces/$project/desireddeployments/wrktalk"
row "  the Backend's memory" "$before MB before, $(memory) MB after"

# Nothing is to be done.
span=$([ -n "$quick" ] && echo 6 || echo 120)
sleep 3
statements() { sql "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements"; }
cpu=$(milliseconds "$backend_pid" CPU) calls=$(statements) api=$(bytes "$from_agent") database=$(bytes "$to_database") vendor=$(bytes "$to_vendor")
sleep "$span"
each() { echo $((($1) * 60 / span)); }
row "an idle Backend with an Agent in sync" "$(memory) MB resident, $(each "$(milliseconds "$backend_pid" CPU) - cpu") ms of CPU and $(each "$(statements) - calls") SQL statements a minute"
row "  bytes a minute" "$(each "$(bytes "$from_agent") - api") with the Agent, $(each "$(bytes "$to_database") - database") with PostgreSQL, $(each "$(bytes "$to_vendor") - vendor") with the vendor"

# A large release: from its publication until its artifact lies in the bucket, whole and verified; and a bare curl of the same file.
size=$([ -n "$quick" ] && echo 32 || echo 256)
pack() {
  local bundle=artifacts/compose/wrktalk-$1-compose.tar.gz
  mkdir -p "$folder/large/wrktalk"
  cp -R "$TESTBED/../Demo/bundle/wrktalk/." "$folder/large/wrktalk"
  head -c $((size << 20)) /dev/urandom >"$folder/large/wrktalk/ballast.bin"
  tar -C "$folder/large" --owner=0 --group=0 -c wrktalk | gzip -1 >"$bucket/$bundle"
  echo "$bundle"
}
stored= bare=
download() {
  curl -fsS -H "Authorization: Bearer $(cat "$folder/customer.key")" -o "$folder/bare.tgz" \
    "$vendor_server/api/artifacts/charts/$1?type=compose" && sha256sum "$folder/bare.tgz"
}
rounds=$([ -n "$quick" ] && echo 1 || echo 3)
for ((round = 1; round <= rounds; round++)); do
  quietly ci "2.0.$round" v2
  began=$(date +%s.%N)
  quietly at_vendor release publish "2.0.$round"
  until is_stored "2.0.$round"; do sleep 0.01; done
  stored+=" $(between "$began" "$(date +%s.%N)")"
  began=$(date +%s.%N)
  quietly download "2.0.$round"
  bare+=" $(between "$began" "$(date +%s.%N)")"
done
stored=$(median "$stored") bare=$(median "$bare")
row "offered to downloaded, $size MB" "$stored s, curl and sha256sum $bare s, ratio $(ratio "$stored" "$bare")"
