# A customer with Helm on the testbed's cluster, or on the one that KUBECONFIG names: what customer.sh needs to know of the
# runtime. The release lies in the namespace $project, which must not be there yet, and goes with it.
set -a; . "$TESTBED_STATE/environment"; set +a
export KUBECONFIG=$WRKTALK_TEST_KUBECONFIG
runtime_spec="  runtime: Helm
  helm:
    releaseName: wrktalk
    valuesPath: config/values.yaml
    timeout: 1m"

kubectl() { command "$WRKTALK_TEST_KUBECTL" -n "$project" "$@"; }
helm() { command "$helm" -n "$project" "$@"; }
# use_helm 3|4: the version that an Agent started after this uses, and this script.
use_helm() {
  if [ "$1" = 4 ]; then helm=$WRKTALK_TEST_HELM4; else helm=$WRKTALK_TEST_HELM3; fi
  agent_settings=(WRKTALK_AGENT_DEPLOYMENT_TYPE=kubernetes "WRKTALK_AGENT_HELM_BINARY=$helm")
}
use_helm 3
# What a release manifest is made from, before the artifact's path.
manifest_options=(--values "$bucket/config/values.yaml" --helm "$helm" --chart)

make_environment() {
  has_namespace=
  kubectl create namespace "$project" >/dev/null || fail "the namespace $project cannot be made"
  has_namespace=1
  printf 'global: {registry: %s}\ncontrolTower: {enabled: false}\n' "$images" >"$bucket/config/values.yaml"
}

remove_environment() {
  [ -z "${has_namespace:-}" ] || kubectl delete namespace "$project" --timeout=2m >/dev/null 2>&1 ||
    say "the namespace $project could not be removed" >&2
}

# pack VERSION: puts the fixture's chart into the bucket, and prints its path there.
pack() {
  local chart=artifacts/helm/wrktalk-$1.tgz
  bash "$TESTBED/chart.sh" "$1" "$bucket/$chart"
  echo "$chart"
}

# workloads: what runs.
workloads() { kubectl get deployments,services,pods; }
