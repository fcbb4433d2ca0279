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
# With the flags of manifests/release/build.sh, so that what is shipped is measured, and built once.
flags=(--scratch-path .build-release -c release --static-swift-stdlib
  -Xswiftc -file-prefix-map -Xswiftc "$PWD=/source" -Xcc "-ffile-prefix-map=$PWD=/source" -Xlinker --build-id=none)
for product in wrktalk-gcc wrktalk-backend wrktalk-agent wrktalkctl wrktalk-bench; do
  swift build "${flags[@]}" --product "$product" >"$TESTBED_STATE/build.log" 2>&1 || { tail -20 "$TESTBED_STATE/build.log" >&2; exit 1; }
done
binaries=$(swift build "${flags[@]}" --show-bin-path)

runtime=compose
project=wrktalk-bench
port=${BENCH_PORT:-3910}
. "$TESTBED/customer.sh"
. "$TESTBED/../Benchmarks/measure.sh"

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
"$postgresql_bin/createdb" -h 127.0.0.1 -p "$postgresql_port" -U bench outbox
wrktalk-bench ${BENCH_QUICK:+--quick} --outbox "postgresql://bench@127.0.0.1:$postgresql_port/outbox" --sqlite "$folder/bench.db" --postgresql "postgresql://bench@127.0.0.1:$postgresql_port/postgres"

# What a connection that waits costs a server, with TLS and without. Each needs a descriptor.
connections=$([ -n "${BENCH_QUICK:-}" ] && echo 500 || echo 5000)
ulimit -n "$(ulimit -Hn)"
bytes_per_connection() { # bytes_per_connection [--tls]
  local pid log=$folder/idle.log ca= tls=() data=$folder/idle-data
  if [ "${1:-}" = --tls ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost -keyout "$folder/idle.key" -out "$folder/idle.crt" 2>/dev/null
    tls=(--tls-cert-file "$folder/idle.crt" --tls-key-file "$folder/idle.key"); ca=$folder/idle.crt
  fi
  WRKTALK_DATABASE_URL= DATABASE_URL= "$binaries/wrktalk-backend" serve --listen "127.0.0.1:$((port + 6))" --data-dir "$data" \
    --max-connections 20000 "${tls[@]}" >"$log" 2>&1 &
  pid=$!; programs+=("$pid")
  wait_for 20 "the Backend" grep -q serves "$log"
  TOKEN=$(WRKTALK_DATABASE_URL= DATABASE_URL= "$binaries/wrktalk-backend" token create --role viewer --name "idle$RANDOM" --expires 1h --data-dir "$data" 2>/dev/null) \
    python3 "$TESTBED/../Benchmarks/idle-connections.py" "$pid" $((port + 6)) "$connections" $ca || { kill "$pid"; return 1; }
  kill "$pid"; wait "$pid" 2>/dev/null || true
}
plain=$(bytes_per_connection); secure=$(bytes_per_connection --tls)
printf '%-44s%d KB with TLS, %d KB without, ratio %s\n' "memory of one of $connections idle connections" $((secure / 1024)) $((plain / 1024)) "$(ratio "$secure" "$plain")"

release 1.0.0 v1
release 2.0.0 v2

# Both sides pull, start the same stack from nothing and wait until it is healthy.
bare() {
  tar -C "$folder" -xzf "$bucket/artifacts/compose/wrktalk-1.0.0-compose.tar.gz"
  BACKEND_IMAGE_TAG=v1 MEDIA_IMAGE_TAG=v1 docker compose -p "$project" -f "$folder/wrktalk/docker-compose.yaml" --env-file "$bucket/config/.env" "$@"
}
bare_install() { bare pull -q && bare up -d --wait; }
start_backend
start_agent
bare= agent=
for ((round = 1; round <= rounds; round++)); do
  took bare_install; bare+=" $took"
  bare down -t 0 >/dev/null 2>&1
  took converge 1.0.0; agent+=" $took"
  if [ "$round" -lt "$rounds" ]; then
    wrktalkctl delete dd wrktalk -n "$project" >/dev/null
    bare down -t 0 >/dev/null 2>&1
  fi
done
echo
figure "install a stack until it is healthy" "$agent" "docker compose pull and up --wait" "$bare"
in_sync
in_memory "" docker compose version

# The same once more with a vendor who signs, and an Agent that demands it.
bare down -t 0 >/dev/null 2>&1
wrktalkctl delete dd wrktalk -n "$project" >/dev/null
stop_agent
begin_signing >/dev/null
release 1.0.0 v1
start_agent
signed=
for ((round = 1; round <= rounds; round++)); do
  took converge 1.0.0; signed+=" $took"
  wrktalkctl delete dd wrktalk -n "$project" >/dev/null
  bare down -t 0 >/dev/null 2>&1
done
figure "  of a release that the vendor signed" "$signed" "the Agent without a trust root" "$agent"

echo
bash "$TESTBED/../Benchmarks/bench-chain.sh" "$binaries"

echo
if bash "$TESTBED/cluster.sh" up; then
  bash "$TESTBED/../Benchmarks/bench-helm.sh" "$binaries"
else
  say "there is no cluster, so nothing of Helm is measured"
fi
