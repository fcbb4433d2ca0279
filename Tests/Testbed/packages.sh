#!/bin/bash
# packages.sh: the Debian packages that building and running the programs needs.
. "$(dirname "$0")/lib.sh"
install_packages pkg-config libarchive-dev libcurl4-openssl-dev libssl-dev libyaml-dev libpq-dev libsqlite3-dev zlib1g-dev ca-certificates curl jq tzdata
command -v swift >/dev/null || fail "Swift 6.2 or newer is needed: see https://www.swift.org/install/linux"
