#!/bin/bash
# engine.sh up|down: a Docker engine with Compose, and an image registry on the loopback interface.
# An engine and a registry that already answer are used as they are.
. "$(dirname "$0")/lib.sh"
registry=${WRKTALK_TEST_REGISTRY:-127.0.0.1:5000}

# A container may not get the negative oom_score_adj that it asks for where the machine lacks CAP_SYS_RESOURCE, and then
# fails to start; this wrapper of runc drops the request.
runtime_wrapper() {
  cat >"$TESTBED_CACHE/bin/runc-plain" <<'WRAPPER'
#!/bin/bash
for ((i = 1; i <= $#; i++)); do [ "${!i}" = --bundle ] && { j=$((i + 1)); bundle=${!j}; }; done
[ -n "${bundle:-}" ] && [ -f "$bundle/config.json" ] &&
  jq 'del(.process.oomScoreAdj) | del(.process.rlimits)' "$bundle/config.json" >"$bundle/config.new" &&
  mv "$bundle/config.new" "$bundle/config.json"
exec "$(command -v runc || echo /usr/sbin/runc)" "$@"
WRAPPER
  chmod +x "$TESTBED_CACHE/bin/runc-plain"
}

engine() {
  docker info >/dev/null 2>&1 && return
  install_packages docker.io jq iptables
  if [ "$(id -u)" != 0 ] || [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    runtime_wrapper
    rm -rf /var/run/docker.pid /var/run/docker/containerd
    say "starting a Docker engine"
    start dockerd dockerd --add-runtime plain="$TESTBED_CACHE/bin/runc-plain" --default-runtime plain
  fi
  wait_for 60 "the Docker engine" docker info
}

# Compose v2: Ubuntu and Debian 13 package it; on Debian 12 the one binary of Debian 13, which needs only libc, does.
compose() {
  docker compose version >/dev/null 2>&1 && return
  if apt-cache show docker-compose-v2 >/dev/null 2>&1; then install_packages docker-compose-v2; return; fi
  local plugins=$HOME/.docker/cli-plugins folder
  folder=$(mktemp -d)
  say "fetching Docker Compose v2 from Debian 13"
  mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$plugins"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) trixie main" >"$folder/sources.list"
  chmod 755 "$folder"
  : >"$folder/status"
  # Its own lists and an empty status: neither what is installed here nor how this machine pins packages has a say.
  local options=(-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State::Status="$folder/status" -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder" -o APT::Sandbox::User=root)
  (cd "$folder" && apt-get "${options[@]}" update -qq && apt-get "${options[@]}" download -qq docker-compose && dpkg -x ./docker-compose_*.deb .) >"$TESTBED_STATE/compose.log" 2>&1 ||
    { tail -5 "$TESTBED_STATE/compose.log" >&2; fail "Docker Compose v2 could not be fetched"; }
  install -D "$folder/usr/libexec/docker/cli-plugins/docker-compose" "$plugins/docker-compose"
  rm -rf "$folder"
  docker compose version >/dev/null || fail "Docker Compose v2 does not start"
}

has_compose_v1() { case $(docker-compose version --short 2>/dev/null) in 1.*) true ;; *) false ;; esac; }

# Compose v1 is the package docker-compose of Debian 12 and older, and of Ubuntu 22.04 and older; elsewhere there is none.
compose_v1() {
  has_compose_v1 && return
  # Not by `grep -q` in a pipe: it ends at the first match, and apt-cache, which then cannot write on, would count as failed.
  case $(apt-cache policy docker-compose 2>/dev/null) in *"Candidate: 1."*) install_packages docker-compose ;; esac
}

registry() {
  curl -fs "http://$registry/v2/" >/dev/null 2>&1 && return
  install_packages docker-registry
  mkdir -p "$TESTBED_STATE/registry"
  cat >"$TESTBED_STATE/registry.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: $TESTBED_STATE/registry}, delete: {enabled: true}}
http: {addr: "$registry"}
CONFIG
  start registry docker-registry serve "$TESTBED_STATE/registry.yml"
  wait_for 20 "the image registry" curl -fs "http://$registry/v2/"
}

case ${1:-up} in
up)
  install_packages curl ca-certificates
  engine; compose; compose_v1; registry
  publish WRKTALK_TEST_DOCKER_HOST "${DOCKER_HOST:-unix:///var/run/docker.sock}"
  publish WRKTALK_TEST_REGISTRY "$registry"
  publish WRKTALK_TEST_COMPOSE_V2 "$(docker compose version --short)"
  if has_compose_v1; then publish WRKTALK_TEST_COMPOSE_V1 "$(docker-compose version --short)"; fi
  ;;
down) stop registry; stop dockerd ;;
*) fail "usage: engine.sh up|down" ;;
esac
