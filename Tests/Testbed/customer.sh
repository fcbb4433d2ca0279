# One customer on this machine, for the demo and the measurements: source it after lib.sh, do not run it.
# Needs $binaries (the folder of the programs), $images (the registry's prefix), $project and $port.
# Makes $folder, which holds everything, and removes it, the programs and the project's containers at the end.
folder=$(mktemp -d)
bucket=$folder/bucket
programs=()
PATH=$binaries:$PATH

clean_up() {
  local program
  for program in "${programs[@]}"; do kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  docker ps -aq --filter "label=com.docker.compose.project=$project" | xargs -r docker rm -f >/dev/null 2>&1 || true
  docker network ls -q --filter "label=com.docker.compose.project=$project" | xargs -r docker network rm >/dev/null 2>&1 || true
  rm -rf "$folder" ${data:+"$data"}
}
trap clean_up EXIT

mkdir -p "$bucket/artifacts/compose" "$bucket/config"
printf 'REGISTRY=%s\nBACKEND_PORT=%s\n' "$images" "$((port + 1))" >"$bucket/config/.env"

# release VERSION TAG: packs the demo's bundle into the bucket, and writes $folder/VERSION.yaml, the DesiredDeployment.
release() {
  local bundle=artifacts/compose/wrktalk-$1-compose.tar.gz
  tar -C "$TESTBED/../Demo/bundle" --owner=0 --group=0 -czf "$bucket/$bundle" wrktalk
  cat >"$folder/$1.yaml" <<YAML
apiVersion: deploy.wrktalk.com/v1
kind: DesiredDeployment
metadata:
  name: wrktalk
  namespace: wrktalk
spec:
  version: $1
  runtime: Compose
  artifact:
    path: $bundle
    sha256: $(sha256sum "$bucket/$bundle" | cut -d' ' -f1)
  imageTags:
    backend: $2
    media: $2
  compose:
    projectName: $project
    envPath: config/.env
    timeout: 2m
YAML
}

# start_backend: on SQLite; wrktalkctl then talks to it as an administrator.
start_backend() {
  export WRKTALK_DATABASE_URL=sqlite:$folder/wrktalk.db
  wrktalk-backend token create --role admin --name admin >"$folder/admin.token" 2>>"$folder/backend.log"
  wrktalk-backend token create --role agent --name agent >"$folder/agent.token" 2>>"$folder/backend.log"
  wrktalk-backend serve --listen "127.0.0.1:$port" >>"$folder/backend.log" 2>&1 &
  backend_pid=$!; programs+=("$backend_pid")
  export WRKTALK_SERVER=http://127.0.0.1:$port WRKTALKCTL_CONFIG=$folder/wrktalkctl.yaml
  WRKTALK_TOKEN=$(cat "$folder/admin.token"); export WRKTALK_TOKEN
  wait_for 20 "the Backend" curl -fs "$WRKTALK_SERVER/readyz"
}

# start_agent: with the folder as the bucket.
start_agent() {
  WRKTALK_AGENT_BACKEND_URL=$WRKTALK_SERVER WRKTALK_AGENT_TOKEN_FILE=$folder/agent.token \
    WRKTALK_AGENT_DEPLOYMENT_TYPE=docker WRKTALK_AGENT_KUBE_NAMESPACE=wrktalk \
    WRKTALK_AGENT_BUCKET_PROVIDER=file WRKTALK_AGENT_BUCKET_NAME=$bucket \
    WRKTALK_AGENT_COMPOSE_WORKING_DIR=$folder/agent \
    wrktalk-agent run >"$folder/agent.log" 2>&1 &
  agent_pid=$!; programs+=("$agent_pid")
}
