#!/bin/bash
# clients.sh: clients of Kubernetes in Python that the resource API is tested with, in versions that do not change.
. "$(dirname "$0")/lib.sh"
requirements=$TESTBED/../Clients/requirements.txt
folder=$TESTBED_CACHE/python-clients-$(sha256sum "$requirements" | cut -c1-12)
[ -e "$folder/complete" ] || {
  say "fetching the Python clients of Kubernetes"
  install_packages python3-venv
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check --no-deps -r "$requirements"
  touch "$folder/complete"; }
publish WRKTALK_TEST_PYTHON_CLIENTS "$folder/bin/python"
