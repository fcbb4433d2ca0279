# The vendor on this machine, for one customer of customer.sh: source it after that, do not run it. The vendor's server keeps
# everything in $folder/gcc; what CI builds lies in $folder/ci until it is uploaded.
vendor_port=$((port + 2))
vendor_server=http://127.0.0.1:$vendor_port
customer=customer-x

# at_vendor COMMAND...: as a release engineer at the vendor's server.
at_vendor() {
  printf '\n$ wrktalkctl %s      # at the vendor\n' "$*"
  WRKTALK_SERVER=$vendor_server WRKTALK_TOKEN=$(cat "$folder/engineer.token") wrktalkctl "$@"
}

# start_vendor: the server, an engineer's token, and what CI sends.
start_vendor() {
  CI_TOKEN=$(openssl rand -hex 32)
  (umask 077; printf 'Authorization: Bearer %s\n' "$CI_TOKEN" >"$folder/ci-header")
  mkdir -p "$folder/ci/artifacts/$runtime"
  WRKTALK_DATABASE_URL= DATABASE_URL= CI_TOKEN=$CI_TOKEN GCC_BUCKET_NAME= GCC_WEBHOOK_ALLOWED_ADDRESSES='*' \
    GCC_TRUST_ROOT_FILE=$trust/root.json \
    wrktalk-gcc serve --listen "127.0.0.1:$vendor_port" --data-dir "$folder/gcc" >"$folder/gcc.log" 2>&1 &
  vendor_pid=$!; programs+=("$vendor_pid")
  wait_for 30 "the vendor's server" curl -fs "$vendor_server/readyz" -o /dev/null
  WRKTALK_DATABASE_URL= DATABASE_URL= wrktalk-gcc token create --role engineer --name maria --expires 1d \
    --data-dir "$folder/gcc" >"$folder/engineer.token" 2>/dev/null
}

# enrol: the customer is known at the vendor's, and has its key and the secret of its webhooks.
enrol() {
  local type=kubernetes; [ "$runtime" = helm ] || type=docker
  at_vendor org create "$customer" --type "$type" --webhook "http://127.0.0.1:$port/api/deployment/webhook"
  (umask 077
    at_vendor org key create "$customer" | grep -v '^$' | tail -1 >"$folder/customer.key"
    at_vendor org webhook-secret "$customer" | grep -v '^$' | tail -1 >"$folder/webhook.secret") 2>/dev/null
  backend_settings=(
    "WRKTALK_GCC_ENDPOINT=$vendor_server" "WRKTALK_ORGANIZATION_NAME=$customer"
    "WRKTALK_GCC_API_KEY_FILE=$folder/customer.key" "WRKTALK_WEBHOOK_SECRET_FILE=$folder/webhook.secret"
    "WRKTALK_DEPLOYMENT_TYPE=$type" "WRKTALK_DEPLOYMENT_NAMESPACE=$project" "WRKTALK_COMPOSE_PROJECT_NAME=$project"
    "WRKTALK_BUCKET_PROVIDER=file" "WRKTALK_BUCKET_NAME=$bucket" "WRKTALK_TRUST_ROOT_FILE=$trust/root.json")
}

# ci VERSION TAG: what the vendor's pipeline does: packs and signs a release, and uploads it (spec §5.1).
ci() {
  local artifact
  # Into CI's own folder; the customer's bucket gets it from the vendor's server.
  artifact=$(bucket=$folder/ci pack "$1")
  bucket=$folder/ci sign "$1" "$2" "$artifact" >>"$folder/vendor.log" 2>&1 ||
    { tail -5 "$folder/vendor.log" >&2; fail "release $1 could not be signed"; }
  local upload=(curl -sS --fail-with-body -X POST "$vendor_server/api/internal/artifacts" -H @"$folder/ci-header"
    -F "file=@$folder/ci/$artifact" -F "type=$runtime" -F "version=$1" -F "manifest=<$folder/$1.manifest.json")
  run "${upload[@]}"; echo
  run curl -sS --fail-with-body -X POST "$vendor_server/api/internal/releases" -H @"$folder/ci-header" \
    -H "Content-Type: application/json" -d '{"version": "'"$1"'", "imageTags": {"backend": "'"$2"'", "media": "'"$2"'"},
      "isForced": false, "isMigrationRequired": false, "releaseNotes": "Release '"$1"'"}'; echo
}
