# One customer on this machine, for the demo and the measurements: source it after lib.sh, do not run it.
# Needs $runtime (compose or helm), $binaries (the folder of the programs), $images (the registry's prefix), $project and
# $port. Makes $folder, which holds everything, and removes it, the programs and what runs of the project at the end.
# The records lie in the namespace $project. customer-$runtime.sh says what differs between the runtimes.
folder=$(mktemp -d)
bucket=$folder/bucket
programs=()
PATH=$binaries:$PATH
. "$TESTBED/customer-$runtime.sh"

clean_up() {
  local program
  for program in "${programs[@]}"; do kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  remove_environment
  rm -rf "$folder" ${data:+"$data"}
}
trap clean_up EXIT

mkdir -p "$bucket/artifacts/$runtime" "$bucket/config"
make_environment

# begin_signing: the vendor's keys and trust root. From here on releases are signed, and an Agent that is started trusts them.
begin_signing() {
  trust=$folder/trust
  sequence=0
  wrktalkctl trust init --product wrktalk --dir "$trust"
}

# sign VERSION TAG ARTIFACT: writes $folder/VERSION.manifest.json, what an Agent with the trust root demands.
sign() {
  sequence=$((sequence + 1))
  wrktalkctl release manifest --product wrktalk --version "$1" --sequence "$sequence" "${manifest_options[@]}" "$bucket/$3" \
    --image-tag "backend=$2" --image-tag "media=$2" -o "$folder/$1.json"
  wrktalkctl release sign "$folder/$1.json" --key "$trust/release.key" -o "$folder/$1.manifest.json"
}

# release VERSION TAG: packs what is deployed into the bucket, and writes $folder/VERSION.yaml, the DesiredDeployment.
release() {
  local artifact manifest=
  artifact=$(pack "$1")
  if [ -n "${trust:-}" ]; then
    sign "$1" "$2" "$artifact" >>"$folder/vendor.log" 2>&1 || { tail -5 "$folder/vendor.log" >&2; fail "release $1 could not be signed"; }
    manifest="
  manifest: |-
$(sed 's/^/    /' "$folder/$1.manifest.json")"
  fi
  cat >"$folder/$1.yaml" <<YAML
apiVersion: deploy.wrktalk.com/v1
kind: DesiredDeployment
metadata:
  name: wrktalk
  namespace: $project
spec:
  version: $1
  artifact:
    path: $artifact
    sha256: $(sha256sum "$bucket/$artifact" | cut -d' ' -f1)
  imageTags:
    backend: $2
    media: $2
$runtime_spec$manifest
YAML
}

# start_backend: on SQLite, with the variables of backend_settings beside those; wrktalkctl then talks to it as an administrator.
backend_settings=()
start_backend() {
  export WRKTALK_DATABASE_URL=sqlite:$folder/wrktalk.db
  wrktalk-backend token create --role admin --name admin >"$folder/admin.token" 2>>"$folder/backend.log"
  wrktalk-backend token create --role agent --namespace "$project" --name agent >"$folder/agent.token" 2>>"$folder/backend.log"
  env "${backend_settings[@]}" wrktalk-backend serve --listen "127.0.0.1:$port" --data-dir "$folder/backend" >>"$folder/backend.log" 2>&1 &
  backend_pid=$!; programs+=("$backend_pid")
  export WRKTALK_SERVER=http://127.0.0.1:$port WRKTALKCTL_CONFIG=$folder/wrktalkctl.yaml
  WRKTALK_TOKEN=$(cat "$folder/admin.token"); export WRKTALK_TOKEN
  wait_for 20 "the Backend" curl -fs "$WRKTALK_SERVER/readyz"
}

# start_agent: with the folder as the bucket.
start_agent() {
  local trusts=WRKTALK_AGENT_ALLOW_UNSIGNED=1
  [ -z "${trust:-}" ] || trusts=WRKTALK_AGENT_TRUST_ROOT_FILE=$trust/root.json
  env "$trusts" WRKTALK_AGENT_BACKEND_URL="$WRKTALK_SERVER" WRKTALK_AGENT_TOKEN_FILE="$folder/agent.token" \
    WRKTALK_AGENT_KUBE_NAMESPACE="$project" WRKTALK_AGENT_WORKING_DIR="$folder/agent" \
    WRKTALK_AGENT_BUCKET_PROVIDER=file WRKTALK_AGENT_BUCKET_NAME="$bucket" \
    WRKTALK_AGENT_SHUTDOWN_TIMEOUT=10 "${agent_settings[@]}" \
    wrktalk-agent run >"$folder/agent.log" 2>&1 &
  agent_pid=$!; programs+=("$agent_pid")
}

# stop_agent: as a service manager would.
stop_agent() { kill "$agent_pid" && wait "$agent_pid" || true; }
