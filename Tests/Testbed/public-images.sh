#!/bin/bash
# public-images.sh: images of PostgreSQL and of an S3 server that begin as the public ones do that compose/customer.yaml names, made from
# this machine's programs, so that no registry is needed. Prints the two names.
. "$(dirname "$0")/lib.sh"
[ ! -f "$TESTBED_STATE/environment" ] || . "$TESTBED_STATE/environment"
postgresql=${WRKTALK_TEST_POSTGRESQL_BIN:?PostgreSQL is missing}
weed=$TESTBED_CACHE/bin/weed
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

# libraries FOLDER FILE...: under the paths by which programs find them.
libraries() {
  local folder=$1; shift
  { ldd "$@" 2>/dev/null | grep -o '=> /[^ ]*\|/[^ ]*/ld-[^ ]*' | sed 's/^=> //' || true; } | sort -u | xargs -r cp --parents -L -t "$folder"
}

# image NAME FOLDER ENTRYPOINT COMMAND-AS-JSON
image() {
  tar -C "$2" --numeric-owner --owner=0 --group=0 -c . |
    docker import -c "ENTRYPOINT [\"$3\"]" -c "CMD $4" -c "ENV PATH=$postgresql:/bin" - "$1" >/dev/null
}

base() {
  mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/run" "$1/var/lib/postgresql/data" "$1/data"
  chmod 1777 "$1/tmp" "$1/run"
  cp /bin/busybox "$1/bin/"
  local applet
  for applet in sh cat chown chmod env id mkdir su; do ln -s busybox "$1/bin/$applet"; done
  printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\npostgres:x:999:\n' >"$1/etc/group"
  echo 'hosts: files dns' >"$1/etc/nsswitch.conf"
}

known() { docker image inspect "$1" >/dev/null 2>&1; }

version=$({ "$postgresql/postgres" --version; sha256sum <"$TESTBED/public-images.sh"; } | sha256sum | cut -c1-12)
database=wrktalk-test-postgres:$version
known "$database" || {
  base "$work/database"
  home=$(dirname "$postgresql")
  cp -R --parents "$home" "/usr/share/postgresql/$(basename "$home")" /usr/share/zoneinfo "$work/database"
  rm -f "$work/database$home"/lib/llvmjit*
  libraries "$work/database" "$postgresql"/* "$work/database$home"/lib/*.so
  cat >"$work/database/bin/entrypoint" <<'SCRIPT'
#!/bin/sh
# As the public image begins: with the user, database and password that its variables name.
data=/var/lib/postgresql/data
if [ ! -f "$data/PG_VERSION" ]; then
  (umask 077; cat "$POSTGRES_PASSWORD_FILE" >/tmp/password)
  chown postgres /tmp/password
  chown -R postgres "$data"; chmod 700 "$data"
  su postgres -c "initdb -D $data -U $POSTGRES_USER --pwfile=/tmp/password --auth=scram-sha-256 --locale=C -E UTF8" || exit 1
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  [ "$POSTGRES_DB" = postgres ] ||
    su postgres -c "echo 'CREATE DATABASE \"$POSTGRES_DB\"' | postgres --single -D $data postgres" || exit 1
fi
exec su postgres -c "exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp"
SCRIPT
  chmod +x "$work/database/bin/entrypoint"
  image "$database" "$work/database" entrypoint '[]'
}
version=$({ sha256sum <"$weed"; sha256sum <"$TESTBED/public-images.sh"; } | sha256sum | cut -c1-12)
bucket=wrktalk-test-weed:$version
known "$bucket" || {
  base "$work/bucket"
  cp "$weed" "$work/bucket/bin/weed"
  libraries "$work/bucket" "$weed"
  image "$bucket" "$work/bucket" weed '["server"]'
}
printf '%s\n%s\n' "$database" "$bucket"
