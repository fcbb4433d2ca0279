#!/bin/bash
# bench.sh: measures what users feel, each figure beside something public that is measured in the same run, so that the
# ratio can be compared between machines. BENCH_QUICK=1 measures less long and with fewer objects.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
bash "$TESTBED/packages.sh"
bash "$TESTBED/engine.sh" up
bash "$TESTBED/images.sh"
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")
install_packages time
say "building for release"
for product in wrktalk-backend wrktalk-agent wrktalkctl wrktalk-bench; do
  swift build -c release --static-swift-stdlib --product "$product" >"$TESTBED_STATE/build.log" 2>&1 || { tail -20 "$TESTBED_STATE/build.log" >&2; exit 1; }
done
binaries=$(swift build -c release --show-bin-path)

project=wrktalk-bench
port=${BENCH_PORT:-3910}
. "$TESTBED/customer.sh"

# A PostgreSQL of its own, with the durability it ships with.
bash "$TESTBED/tools.sh"
postgresql_bin=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_POSTGRESQL_BIN")
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
data=$(as_postgres mktemp -d)
postgresql_port=$((port + 5))
as_postgres "$postgresql_bin/initdb" -D "$data" -U bench --auth=trust >"$folder/postgresql.log" 2>&1
cd /tmp
as_postgres "$postgresql_bin/postgres" -D "$data" -p "$postgresql_port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= >>"$folder/postgresql.log" 2>&1 &
programs+=($!)
cd - >/dev/null
wait_for 20 "PostgreSQL" "$postgresql_bin/pg_isready" -h 127.0.0.1 -p "$postgresql_port"
wrktalk-bench ${BENCH_QUICK:+--quick} --sqlite "$folder/bench.db" --postgresql "postgresql://bench@127.0.0.1:$postgresql_port/postgres"
seconds() { date +%s.%N; }
between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b - a }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }
rounds=$([ -n "${BENCH_QUICK:-}" ] && echo 1 || echo 3)
release 1.0.0 v1
release 2.0.0 v2

# Both sides pull, start the same stack from nothing and wait until it is healthy.
bare() {
  tar -C "$folder" -xzf "$bucket/artifacts/compose/wrktalk-1.0.0-compose.tar.gz"
  BACKEND_IMAGE_TAG=v1 MEDIA_IMAGE_TAG=v1 docker compose -p "$project" -f "$folder/wrktalk/docker-compose.yaml" --env-file "$bucket/config/.env" "$@"
}
start_backend
start_agent
bare_total=0 agent_total=0
for ((round = 1; round <= rounds; round++)); do
  began=$(seconds)
  bare pull -q >/dev/null 2>&1
  bare up -d --wait >/dev/null 2>&1
  bare_time=$(between "$began" "$(seconds)")
  bare down -t 0 >/dev/null 2>&1
  began=$(seconds)
  wrktalkctl apply -f "$folder/1.0.0.yaml" >/dev/null
  wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 2m >/dev/null 2>&1
  agent_time=$(between "$began" "$(seconds)")
  bare_total=$(awk -v a="$bare_total" -v b="$bare_time" 'BEGIN { print a + b }')
  agent_total=$(awk -v a="$agent_total" -v b="$agent_time" 'BEGIN { print a + b }')
  if [ "$round" -lt "$rounds" ]; then
    wrktalkctl delete dd wrktalk -n wrktalk >/dev/null
    bare down -t 0 >/dev/null 2>&1
  fi
done
printf '\ninstall a stack until it is healthy   Agent %s s, docker compose pull and up --wait %s s, ratio %s\n' \
  "$(awk -v t="$agent_total" -v n="$rounds" 'BEGIN { printf "%.2f", t / n }')" \
  "$(awk -v t="$bare_total" -v n="$rounds" 'BEGIN { printf "%.2f", t / n }')" "$(ratio "$agent_total" "$bare_total")"

# In sync the Agent should cost next to nothing.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
children() { awk '{ print $16 + $17 }' "/proc/$1/stat"; }
requests() { curl -fs -H "Authorization: Bearer $WRKTALK_TOKEN" "$WRKTALK_SERVER/metrics" | awk '/^apiserver_request_total/ { sum += $NF } END { print sum + 0 }'; }
window=$([ -n "${BENCH_QUICK:-}" ] && echo 20 || echo 60)
sleep 5
cpu=$(ticks "$agent_pid"); child_cpu=$(children "$agent_pid"); sent=$(requests)
sleep "$window"
cpu=$(($(ticks "$agent_pid") - cpu)); child_cpu=$(($(children "$agent_pid") - child_cpu)); sent=$(($(requests) - sent))
resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$agent_pid/status")
peak=$( { /usr/bin/env time -f %M docker compose version >/dev/null; } 2>&1 || echo 0)
printf 'the Agent in sync for %s s            %s ms of CPU, %s ms of child processes, %s API requests\n' \
  "$window" "$((cpu * 10))" "$((child_cpu * 10))" "$sent"
printf 'the Agent in memory                   %s MB resident, docker compose version %s MB, ratio %s\n' \
  "$((resident / 1024))" "$((peak / 1024))" "$(ratio "$resident" "$peak")"
