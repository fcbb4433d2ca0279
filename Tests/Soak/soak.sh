#!/bin/bash
# soak.sh compose|helm [ROUNDS]: upgrades, failures, drifts and kills in a row, with the real Agent on the testbed; at the
# end a table of what may not have grown, and exit code 1 where something did. BINARIES names the folder of programs that
# are built already.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
runtime=${1:-}
[ -f "$TESTBED/customer-$runtime.sh" ] || fail "usage: soak.sh compose|helm [ROUNDS]"
rounds=${2:-10}
[ "$rounds" -ge 5 ] || fail "fewer than 5 rounds show nothing"
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")
binaries=${BINARIES:-$(swift build --show-bin-path)}
project=${SOAK_PROJECT:-wrktalk-soak}-$runtime
port=$((${SOAK_PORT:-3950} + $([ "$runtime" = helm ] && echo 10 || echo 0)))
install_packages jq
. "$TESTBED/customer.sh"
agent_settings+=(WRKTALK_AGENT_LEASE_DURATION=3s WRKTALK_AGENT_LOG_LEVEL=WARNING)

# Each version brings other files, so that what is kept of a version would add up.
if [ "$runtime" = compose ]; then
  cp -r "$TESTBED/../Demo/bundle" "$folder/bundle"
  pack() {
    local bundle=artifacts/compose/wrktalk-$1-compose.tar.gz
    echo "$1" >"$folder/bundle/wrktalk/version"
    tar -C "$folder/bundle" --owner=0 --group=0 -czf "$bucket/$bundle" wrktalk
    echo "$bundle"
  }
fi

version=0
# apply TAG: a version that there was not before, and of the two images by turns.
apply() {
  version=$((version + 1))
  release "1.0.$version" "$1"
  wrktalkctl apply -f "$folder/1.0.$version.yaml" >/dev/null
  rm -f "$folder/1.0.$version".*
}
good() { apply "v$((version % 2 + 1))"; }
until_is() { wrktalkctl wait dd/wrktalk -n "$project" --for="condition=$1" --timeout 3m >"$folder/wait.log" 2>&1 ||
  { tail -n 3 "$folder/wait.log" "$folder/agent.log" >&2; fail "round $round ($what): not $1"; }; }

upgrade() { good; until_is Ready; }
failure() { apply crash; until_is Remediated; }
# What somebody does by hand to a Helm release, and the field that is to be again as it was: each time another one, since what
# comes back again and again the Agent takes for a fight, and lets it wait.
interferences=(
  "scale deployment/wrktalk-media --replicas 3|deployment/wrktalk-media|{.spec.replicas}"
  "delete service/wrktalk-media --wait|service/wrktalk-media|{.spec.ports[0].port}"
  "set image deployment/wrktalk-backend backend=$images/backend:v3|deployment/wrktalk-backend|{..image}"
  "delete deployment/wrktalk-media --wait|deployment/wrktalk-media|{.spec.replicas}"
  "scale deployment/wrktalk-backend --replicas 2|deployment/wrktalk-backend|{.spec.replicas}"
  "delete service/wrktalk-backend --wait|service/wrktalk-backend|{.spec.ports[0].port}"
  "delete serviceaccount/wrktalk --wait|serviceaccount/wrktalk|{.metadata.name}"
  "set image deployment/wrktalk-media media=$images/media:v3|deployment/wrktalk-media|{..image}"
  "delete deployment/wrktalk-backend --wait|deployment/wrktalk-backend|{.spec.replicas}"
)
drifts=0
drift() {
  if [ "$runtime" = compose ]; then
    docker rm -f "$(service media)" >/dev/null
    came_back() { [ -n "$(service media --filter health=healthy)" ]; }
  else
    local command object field before
    IFS='|' read -r command object field <<<"${interferences[drifts++ % ${#interferences[@]}]}"
    before=$(kubectl get "$object" -o jsonpath="$field")
    read -ra command <<<"$command"
    kubectl "${command[@]}" >/dev/null
    came_back() { [ "$(kubectl get "$object" -o jsonpath="$field" 2>/dev/null)" = "$before" ]; }
  fi
  wait_for 90 "what was changed by hand, in round $round," came_back
}
service() { docker ps -q --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" "${@:2}"; }
killed() {
  good
  sleep "$((RANDOM % 4)).$((RANDOM % 10))"
  kill -KILL "$agent_pid"; wait "$agent_pid" 2>/dev/null || true
  start_agent
  until_is Ready
}

# sample NAME: what may not grow, as NAME_memory, NAME_descriptors …
sample() {
  local directory=$folder/agent
  sleep 3
  printf -v "$1_memory" %s "$(($(awk '/^VmRSS/ { print $2 }' "/proc/$agent_pid/status") / 1024))"
  printf -v "$1_descriptors" %s "$(ls "/proc/$agent_pid/fd" | wc -l)"
  printf -v "$1_threads" %s "$(ls "/proc/$agent_pid/task" | wc -l)"
  printf -v "$1_archives" %s "$(ls "$directory/.agent/artifacts" | wc -l)"
  printf -v "$1_documents" %s "$(ls "$directory/.agent/trust" | wc -l)"
  printf -v "$1_unfinished" %s "$(ls "$directory/.agent/work" | wc -l)"
  printf -v "$1_history" %s "$(wrktalkctl get dd wrktalk -n "$project" -o json | jq '.status.history | length')"
  if [ "$runtime" = compose ]; then
    printf -v "$1_folders" %s "$(find "$directory/$project" | wc -l)"
    printf -v "$1_containers" %s "$(docker ps -aq --filter "label=com.docker.compose.project=$project" | wc -l)"
    printf -v "$1_networks" %s "$(docker network ls -q --filter "label=com.docker.compose.project=$project" | wc -l)"
    printf -v "$1_images" %s "$(docker images -q --filter "reference=$images/*" | sort -u | wc -l)"
  else
    printf -v "$1_folders" %s "$(find "$directory/.agent/helm" -type d | wc -l)"
    printf -v "$1_revisions" %s "$(kubectl get secrets -l owner=helm,name=wrktalk -o name | wc -l)"
    printf -v "$1_pods" %s "$(kubectl get pods -o json | jq '[.items[] | select(.metadata.deletionTimestamp == null)] | length')"
  fi
}
grown=
# check WHAT NAME LIMIT: beside what it was at the beginning.
check() {
  local before=first_$2 after=last_$2 verdict=
  [ "${!after}" -le "$3" ] || { verdict="  GROWN"; grown=1; }
  printf '%-44s%8s%8s%8s%s\n' "$1" "${!before}" "${!after}" "$3" "$verdict"
}

begin_signing >/dev/null
start_backend
start_agent
began=$SECONDS
# An Agent that is killed begins with new memory, so that is for the end.
steady=$((rounds - rounds / 5))
courses=(upgrade upgrade failure drift)
for ((round = 1; round <= steady; round++)); do
  what=${courses[round % 4]}
  "$what"
  [ "$round" != "$((steady / 4 > 4 ? steady / 4 : 4))" ] || sample first
  [ $((round % 25)) != 0 ] || say "$round of $rounds rounds"
done
what=upgrade; upgrade
sample last
memory=$last_memory descriptors=$last_descriptors threads=$last_threads
for ((; round <= rounds; round++)); do what=killed; killed; done
sample last
last_memory=$memory last_descriptors=$descriptors last_threads=$threads

printf '\n%s: %s rounds in %s s\n%-44s%8s%8s%8s\n' "$runtime" "$rounds" "$((SECONDS - began))" "" first last limit
check "resident memory, MB" memory $((first_memory + 16))
check "open descriptors" descriptors $((first_descriptors + 8))
check "threads" threads $((first_threads + 8))
check "archives kept" archives 64
check "documents of trust" documents 40
check "unfinished preparations" unfinished 0
check "entries of the record's history" history 20
if [ "$runtime" = compose ]; then
  check "files and folders of the project" folders $((first_folders + 2))
  check "containers" containers 2
  check "networks" networks 1
  check "images" images $((first_images + 1))
else
  check "folders of Helm" folders $((first_folders + 2))
  check "revisions of the release" revisions 10
  check "pods" pods $((first_pods + 1))
fi
[ -z "$grown" ] || fail "something grew"
