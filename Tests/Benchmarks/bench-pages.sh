#!/bin/bash
# bench-pages.sh: the fleet dashboard over PAGES_SIZE (100000) organizations in PostgreSQL: what each search of the API takes, what each
# view asks for (requests, bytes as they are sent) and when there is something to see, and whether a page that watches grows.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
bash "$TESTBED/tools.sh"
bash "$TESTBED/browser.sh"
. "$TESTBED_STATE/environment"
customers=${PAGES_SIZE:-100000}
port=${BENCH_PORT:-3950}
folder=$(mktemp -d)
programs=()
clean_up() {
  local program
  for program in "${programs[@]}"; do kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder" ${data:+"$data"}
}
trap clean_up EXIT
binaries=${PAGES_BINARIES:-$PWD/.build-release/release}
[ -x "$binaries/wrktalk-gcc" ] || {
  say "building for release"
  swift build --scratch-path .build-release -c release --static-swift-stdlib --product wrktalk-gcc >"$folder/build.log" 2>&1 ||
    { tail -20 "$folder/build.log" >&2; exit 1; }; }
PATH=$binaries:$PATH

as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
data=$(as_postgres mktemp -d)
as_postgres "$WRKTALK_TEST_POSTGRESQL_BIN/initdb" -D "$data" -U bench --auth=trust >"$folder/postgresql.log" 2>&1
as_user=(); [ "$(id -u)" != 0 ] || as_user=(runuser -u postgres --)
(cd /tmp; exec "${as_user[@]}" "$WRKTALK_TEST_POSTGRESQL_BIN/postgres" -D "$data" -p $((port + 1)) \
  -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=256MB) >>"$folder/postgresql.log" 2>&1 &
programs+=($!)
wait_for 20 "PostgreSQL" "$WRKTALK_TEST_POSTGRESQL_BIN/pg_isready" -h 127.0.0.1 -p $((port + 1))
export DATABASE_URL="postgresql://bench@127.0.0.1:$((port + 1))/postgres" WRKTALK_DATABASE_URL= GCC_BUCKET_NAME=
export GCC_SECRET_KEY WRKTALK_LOG_LEVEL=warning
GCC_SECRET_KEY=$(openssl rand -hex 32)
mkdir -p "$folder/data"
password=$(wrktalk-gcc admin create --email bench@example.com --role engineer --data-dir "$folder/data" 2>/dev/null)
token=$(wrktalk-gcc token create --role admin --name bench --expires 1d --data-dir "$folder/data" 2>/dev/null)
say "making $customers organizations, and targets of two releases"
"$WRKTALK_TEST_POSTGRESQL_BIN/psql" -q -h 127.0.0.1 -p $((port + 1)) -U bench -v ON_ERROR_STOP=1 -v n="$customers" postgres <<'SQL'
INSERT INTO gcc_release (id, version, status, "helmChartSha256", "publishedAt", "isRolloutDecided", "createdAt")
SELECT 'r' || i, '2.' || i || '.0', 'published', repeat('a', 64), now(), true, now() - (9 - i) * interval '7 days' FROM generate_series(0, 8) AS i;
INSERT INTO organizational_service (name, "currentVersion", "versionSince", health, "isOnline", "lastSeen", "lastHeartbeat", labels, "spocName")
SELECT 'customer-' || lpad(i::text, 6, '0'), '2.' || (i % 9) || '.0', now() - (i % 90) * interval '1 day',
  (ARRAY['Online','Online','Online','Online','Online','Online','Online','Degraded','Offline','Critical'])[1 + i % 10], i % 10 < 7,
  now() - (CASE WHEN i % 10 < 7 THEN i % 300 ELSE i % 200000 END) * interval '1 second', now(),
  jsonb_build_object('ring', CASE WHEN i % 100 = 0 THEN 'canary' ELSE 'all' END, 'region', 'r' || (i % 20)), 'Contact ' || i
FROM generate_series(1, :n) AS i;
INSERT INTO gcc_rollout (namespace, name, uid, resource_version, generation, labels, created_at, object)
SELECT '', 'bench', 'bench', 1, 1, '{}', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  '{"apiVersion":"deploy.wrktalk.com/v1","kind":"Rollout","metadata":{"name":"bench","uid":"bench","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"release":"2.8.0","state":"Paused","onHalt":"Hold","stages":[{"name":"canary","percent":1,"gate":{"successPercent":95,"maxFailures":30}},{"name":"rest"}]}}';
INSERT INTO gcc_deployment_target ("releaseId", "organizationName", "releaseVersion", "rolloutName", "stageName", "stageIndex", "offeredAt", status,
  "failureReason", component, "errorMessage")
SELECT 'r8', o.name, '2.8.0', 'bench', CASE WHEN n % 100 = 0 THEN 'canary' ELSE 'rest' END, CASE WHEN n % 100 = 0 THEN 0 ELSE 1 END,
  now() - (n % 100) * interval '1 hour',
  (ARRAY['success','success','success','success','success','notified','scheduled','inProgress','failed','rolledBack'])[1 + n % 10]::"DeploymentStatus",
  CASE WHEN n % 10 >= 8 THEN (ARRAY['ImagePullFailed','Unhealthy','OutOfSpace'])[1 + n % 3] END, CASE WHEN n % 10 >= 8 THEN 'media' END,
  CASE WHEN n % 10 >= 8 THEN 'no space left on device ' || n END
FROM (SELECT name, row_number() OVER (ORDER BY name) AS n FROM organizational_service) AS o;
VACUUM ANALYZE;
SQL
wrktalk-gcc serve --listen "127.0.0.1:$port" --data-dir "$folder/data" --requests-per-second 100000 >"$folder/gcc.log" 2>&1 &
programs+=($!)
wait_for 60 "the vendor's server" curl -sf "http://127.0.0.1:$port/readyz" -o "$folder/ready"
python3 "$(dirname "$0")/pages.py" "http://127.0.0.1:$port" bench@example.com "$password" "$token" "$WRKTALK_TEST_CHROMEDRIVER" ||
  { tail -5 "$folder/gcc.log" >&2; exit 1; }
