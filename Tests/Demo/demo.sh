#!/bin/bash
# demo.sh: the main job on one machine, with embedded defaults: a Backend on SQLite, a folder as the bucket, an Agent and
# a real Docker Compose stack that goes from v1 to v2, then to a broken v3 that rolls back by itself; then a container is
# killed by hand and comes back. Everything it starts and makes is removed at the end.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."

bash "$TESTBED/packages.sh"
bash "$TESTBED/engine.sh" up
bash "$TESTBED/images.sh"
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")

say "building the programs"
for product in wrktalk-backend wrktalk-agent wrktalkctl; do swift build --product "$product"; done
binaries=$(swift build --show-bin-path)
PATH=$binaries:$PATH

folder=$(mktemp -d)
project=wrktalk-demo
port=${DEMO_PORT:-3900}
programs=()
clean_up() {
  local program
  for program in "${programs[@]}"; do kill "$program" 2>/dev/null || true; done
  wait 2>/dev/null || true
  docker ps -aq --filter "label=com.docker.compose.project=$project" | xargs -r docker rm -f >/dev/null 2>&1 || true
  docker network rm "${project}_default" >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap clean_up EXIT

heading() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\n$ %s\n' "$*"; "$@"; }

# A customer's bucket: the bundles of three releases and the settings of this customer.
bucket=$folder/bucket
mkdir -p "$bucket/artifacts/compose" "$bucket/config"
printf 'REGISTRY=%s\nBACKEND_PORT=%s\n' "$images" "$((port + 1))" >"$bucket/config/.env"
release() { # release VERSION TAG: packs the bundle and writes the DesiredDeployment that asks for it
  local bundle=artifacts/compose/wrktalk-$1-compose.tar.gz
  tar -C Tests/Demo/bundle --owner=0 --group=0 -czf "$bucket/$bundle" wrktalk
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
release 1.0.0 v1
release 2.0.0 v2
release 3.0.0 crash

heading "The customer's Backend: the resource API on SQLite"
export WRKTALK_DATABASE_URL=sqlite:$folder/wrktalk.db
wrktalk-backend token create --role admin --name demo-admin >"$folder/admin.token"
wrktalk-backend token create --role agent --name demo-agent >"$folder/agent.token"
wrktalk-backend serve --listen "127.0.0.1:$port" 2>"$folder/backend.log" &
programs+=($!)
export WRKTALK_SERVER=http://127.0.0.1:$port WRKTALKCTL_CONFIG=$folder/wrktalkctl.yaml
WRKTALK_TOKEN=$(cat "$folder/admin.token"); export WRKTALK_TOKEN
wait_for 20 "the Backend" curl -fs "$WRKTALK_SERVER/readyz"
echo "serving on $WRKTALK_SERVER"

heading "The Agent: it reads desired state from the Backend and converges the Docker engine"
WRKTALK_AGENT_BACKEND_URL=$WRKTALK_SERVER WRKTALK_AGENT_TOKEN_FILE=$folder/agent.token \
  WRKTALK_AGENT_DEPLOYMENT_TYPE=docker WRKTALK_AGENT_KUBE_NAMESPACE=wrktalk \
  WRKTALK_AGENT_BUCKET_PROVIDER=file WRKTALK_AGENT_BUCKET_NAME=$bucket \
  WRKTALK_AGENT_COMPOSE_WORKING_DIR=$folder/agent \
  wrktalk-agent run 2>"$folder/agent.log" &
programs+=($!)
echo "running"

containers() { docker ps -a --filter "label=com.docker.compose.project=$project" --format '{{.Label "com.docker.compose.service"}}  {{.State}}  {{.Status}}' | sort; }
get() { run wrktalkctl get dd -n wrktalk; }

heading "Apply release 1.0.0 and watch it converge"
run wrktalkctl apply -f "$folder/1.0.0.yaml"
wrktalkctl get dd -n wrktalk --watch &
watcher=$!; programs+=("$watcher")
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 3m
run containers

heading "Apply release 2.0.0: the same one command"
run wrktalkctl diff -f "$folder/2.0.0.yaml" || true
run wrktalkctl apply -f "$folder/2.0.0.yaml"
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 3m
run containers

heading "Apply release 3.0.0, whose images crash: the Agent tries it once and returns to 2.0.0 by itself"
run wrktalkctl apply -f "$folder/3.0.0.yaml"
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Remediated --timeout 3m
run wrktalkctl describe dd wrktalk -n wrktalk
run containers

heading "Back to 2.0.0 in what is desired, too"
run wrktalkctl rollback wrktalk -n wrktalk --to-version 2.0.0
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 3m

heading "A container is killed by hand: the Agent notices and repairs it"
victim=$(docker ps -q --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.service=media)
run docker rm -f "$victim"
came_back() { docker ps --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.service=media --filter health=healthy -q | grep -q .; }
wait_for 60 "the container media" came_back
run wrktalkctl wait dd/wrktalk -n wrktalk --for=condition=Ready --timeout 1m
run containers

kill "$watcher" 2>/dev/null || true
heading "What happened"
get
run wrktalkctl history wrktalk -n wrktalk
run wrktalkctl events -n wrktalk
printf '\nThe demo is done. The README says how to go on from here.\n'
