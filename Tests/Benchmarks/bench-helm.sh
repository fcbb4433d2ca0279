#!/bin/bash
# bench-helm.sh BIN_DIR: what the Agent costs beside bare Helm on a real cluster. Part of bench.sh, which brings that up.
. "$(dirname "$0")/../Testbed/lib.sh"
cd "$TESTBED/../.."
[ $# = 1 ] && [ -d "$1" ] || fail "usage: bench-helm.sh BIN_DIR"
binaries=$(cd "$1" && pwd)
install_packages jq time
images=$(. "$TESTBED_STATE/environment"; echo "$WRKTALK_TEST_IMAGES")
runtime=helm
project=wrktalk-bench-helm
port=$((${BENCH_PORT:-3910} + 10))
. "$TESTBED/customer.sh"
. "$TESTBED/../Benchmarks/measure.sh"
release 1.0.0 v1
release 2.0.0 v2

# Both sides install the same chart from nothing, upgrade it, and wait until it is ready. Helm 3 looks every two seconds
# whether that is so; Helm 4 is told.
bare() { # bare VERSION TAG
  helm upgrade --install wrktalk "$bucket/artifacts/helm/wrktalk-$1.tgz" --values "$bucket/config/values.yaml" \
    --set-string "backend.image.tag=$2,media.image.tag=$2" --wait --wait-for-jobs --timeout 2m
}
# The Agent's helm, which notes how long each of its runs took: the rest is the Agent's own.
cat >"$folder/helm" <<'SH'
#!/bin/bash
began=$EPOCHREALTIME
"$HELM" "$@"
code=$?
[ "$1" != upgrade ] || awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }' >>"$TIMES"
exit $code
SH
# added SECONDS: what of them was not helm's own.
added() { between "$(tail -1 "$folder/helm.times")" "$1"; }
start_backend
for edition in 4 3; do
  use_helm "$edition"
  sed -e "s|\$HELM|$helm|; s|\$TIMES|$folder/helm.times|" "$folder/helm" >"$folder/helm$edition"
  chmod +x "$folder/helm$edition"
  agent_settings+=("WRKTALK_AGENT_HELM_BINARY=$folder/helm$edition")
  start_agent
  bare_install= bare_upgrade= agent_install= agent_upgrade= added=
  for ((round = 1; round <= rounds; round++)); do
    took bare 1.0.0 v1; bare_install+=" $took"
    took bare 2.0.0 v2; bare_upgrade+=" $took"
    helm uninstall wrktalk --wait >/dev/null
    took converge 1.0.0; agent_install+=" $took"; added+=" $(added "$took")"
    took converge 2.0.0; agent_upgrade+=" $took"; added+=" $(added "$took")"
    [ "$edition $round" = "3 $rounds" ] || { wrktalkctl delete dd wrktalk -n "$project" >/dev/null; helm uninstall wrktalk --wait >/dev/null; }
  done
  figure "install a release until it is ready, Helm $edition" "$agent_install" "helm upgrade --install --wait" "$bare_install"
  figure "upgrade a release until it is ready, Helm $edition" "$agent_upgrade" "helm upgrade --install --wait" "$bare_upgrade"
  printf '%-44s%.2f s, from the command to its answer\n' "  of that the Agent adds" "$(median "$added")"
  [ "$edition" = 3 ] || stop_agent
done

# Each request of an Agent in this namespace, once; a cluster of somebody else's has no log here.
if [ -n "${WRKTALK_TEST_AUDIT_LOG:-}" ]; then
  cluster_mark() { stat -c %s "$WRKTALK_TEST_AUDIT_LOG"; }
  cluster_requests() {
    local count
    count=$(tail -c "+$(($1 + 1))" "$WRKTALK_TEST_AUDIT_LOG" | jq -rR --arg namespace "$project" 'fromjson? |
      select((.userAgent // "" | startswith("wrktalk-agent")) and .objectRef.namespace == $namespace) | .auditID' | sort -u | wc -l)
    echo " to the Backend, $count to the API server"
  }
fi
in_sync "1 release"
in_memory "1 release" "$WRKTALK_TEST_HELM3" version

# Many small releases: a ConfigMap, and a Deployment that wants no pods.
count=$([ -n "${BENCH_QUICK:-}" ] && echo 20 || echo 100)
mkdir -p "$folder/small/templates"
printf 'apiVersion: v2\nname: small\nversion: 1.0.0\n' >"$folder/small/Chart.yaml"
cat >"$folder/small/templates/all.yaml" <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {name: "{{ .Release.Name }}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: 0
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: small, image: small}]}
YAML
tar -C "$folder" -czf "$bucket/artifacts/helm/small-1.0.0.tgz" small
digest=$(sha256sum "$bucket/artifacts/helm/small-1.0.0.tgz" | cut -d' ' -f1)
for ((n = 1; n <= count; n++)); do
  cat <<YAML
---
apiVersion: deploy.wrktalk.com/v1
kind: DesiredDeployment
metadata: {name: small-$n, namespace: $project}
spec:
  version: 1.0.0
  runtime: Helm
  artifact: {path: artifacts/helm/small-1.0.0.tgz, sha256: $digest}
  helm: {releaseName: small-$n}
YAML
done >"$folder/small.yaml"
all_ready() { sleep 1; [ "$(wrktalkctl get dd -n "$project" | awk '$2 == "True"' | wc -l)" = $((count + 1)) ]; }
install_all() { wrktalkctl apply -f "$folder/small.yaml" && wait_for 900 "$count releases" all_ready; }
took install_all
printf '%-44s%s s, %s a minute\n' "$count small releases installed" "$took" "$(awk -v n="$count" -v t="$took" 'BEGIN { printf "%.0f", n / t * 60 }')"
in_sync "$((count + 1)) releases"
in_memory "$((count + 1)) releases" "$WRKTALK_TEST_HELM3" version
