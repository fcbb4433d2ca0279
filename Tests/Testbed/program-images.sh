#!/bin/bash
# program-images.sh BIN_DIR: images of the programs as they were built into BIN_DIR, pushed to the testbed's registry, for
# pods and containers that run them: REGISTRY/wrktalk/wrktalk-agent (with Helm 3), wrktalk-agent-compose (with Docker's
# client and Compose, as root, who may use the engine's socket), wrktalk-backend and wrktalk-gcc, each with a tag that stands
# for what is in it; and wrktalk-agent:broken, whose program ends with exit code 1. All but that for Compose run as uid 1000.
. "$(dirname "$0")/lib.sh"
[ $# = 1 ] && [ -d "$1" ] || fail "usage: program-images.sh BIN_DIR"
binaries=$(cd "$1" && pwd)
[ ! -f "$TESTBED_STATE/environment" ] || . "$TESTBED_STATE/environment"
registry=${WRKTALK_TEST_REGISTRY:-127.0.0.1:5000}
helm=${WRKTALK_TEST_HELM3:-}
install_packages busybox-static ca-certificates curl
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

pushed() { # pushed REPOSITORY TAG
  curl -fs -o /dev/null -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://$registry/v2/wrktalk/$1/manifests/$2"
}

# root FOLDER: what every image has: a shell, the certificates and a user.
root() {
  mkdir -p "$1/bin" "$1/etc/ssl/certs" "$1/usr/local/bin" "$1/tmp"
  chmod 1777 "$1/tmp"
  cp /bin/busybox "$1/bin/"
  local applet
  for applet in sh cat echo env false id kill ls ps sleep true wget; do ln -s busybox "$1/bin/$applet"; done
  cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
  echo 'root:x:0:0::/:/bin/sh
wrktalk:x:1000:1000::/tmp:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:
wrktalk:x:1000:' >"$1/etc/group"
  echo 'hosts: files dns' >"$1/etc/nsswitch.conf"
}

# push FOLDER REPOSITORY TAG PROGRAM COMMAND-AS-JSON USER
push() {
  local image=$registry/wrktalk/$2:$3
  tar -C "$1" --numeric-owner --owner=0 --group=0 -c . |
    docker import -c "ENTRYPOINT [\"$4\"]" -c "CMD $5" -c "USER $6" \
      -c 'ENV PATH=/usr/local/bin:/bin' -c 'ENV HOME=/tmp' - "$image" >/dev/null
  docker push -q "$image" >/dev/null
}

# program NAME REPOSITORY COMMAND-AS-JSON USER [FILE=TARGET...]: prints the tag.
program() {
  local name=$1 repository=$2 command=$3 user=$4 folder=$work/$2 tag file; shift 4
  local files=("$binaries/$name=/usr/local/bin/$name" "$@")
  # Digits alone, or with an e among them, would be a number in YAML.
  tag=sha-$(cat "${files[@]%=*}" "$TESTBED/program-images.sh" | sha256sum | cut -c1-16)
  echo "$tag"
  pushed "$repository" "$tag" && return
  say "making the image $repository" >&2
  root "$folder"
  for file in "${files[@]}"; do
    install -D -m 755 "${file%=*}" "$folder${file#*=}"
    # Under the paths by which the program finds them; one that is linked statically needs none.
    { ldd "${file%=*}" 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*' || true; } | sort -u |
      xargs -r cp --parents -L -t "$folder" || fail "the libraries of ${file%=*} cannot be copied"
  done
  # The engine lets go of earlier builds that no container uses; the registry has them.
  docker images --format '{{.Repository}}:{{.Tag}}' "$registry/wrktalk/$repository" | grep -v ':broken$' |
    xargs -r docker rmi >/dev/null 2>&1 || true
  push "$folder" "$repository" "$tag" "$name" "$command" "$user"
}

[ -x "$helm" ] || fail "Helm 3 is missing: tools.sh fetches it"
if [ -x "$binaries/wrktalk-agent" ]; then
  tag=$(program wrktalk-agent wrktalk-agent '["run"]' 1000:1000 "$helm=/usr/local/bin/helm")
  publish WRKTALK_TEST_AGENT_IMAGE "$registry/wrktalk/wrktalk-agent:$tag"
  compose=$(docker info --format '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}')
  tag=$(program wrktalk-agent wrktalk-agent-compose '["run"]' 0:0 "$(command -v docker)=/usr/local/bin/docker" \
    "$compose=/usr/local/libexec/docker/cli-plugins/docker-compose")
  publish WRKTALK_TEST_COMPOSE_AGENT_IMAGE "$registry/wrktalk/wrktalk-agent-compose:$tag"
fi
if [ -x "$binaries/wrktalk-backend" ]; then
  tag=$(program wrktalk-backend wrktalk-backend '["serve", "--listen", "0.0.0.0:3000"]' 1000:1000)
  publish WRKTALK_TEST_BACKEND_IMAGE "$registry/wrktalk/wrktalk-backend:$tag"
fi
if [ -x "$binaries/wrktalk-gcc" ]; then
  tag=$(program wrktalk-gcc wrktalk-gcc '["serve", "--listen", "0.0.0.0:3000"]' 1000:1000)
  publish WRKTALK_TEST_GCC_IMAGE "$registry/wrktalk/wrktalk-gcc:$tag"
fi
pushed wrktalk-agent broken || {
  root "$work/broken"
  printf '#!/bin/sh\necho "wrktalk-agent: this build is broken" >&2\nexit 1\n' >"$work/broken/usr/local/bin/wrktalk-agent"
  chmod +x "$work/broken/usr/local/bin/wrktalk-agent"
  push "$work/broken" wrktalk-agent broken wrktalk-agent '["run"]' 1000:1000; }
publish WRKTALK_TEST_BROKEN_AGENT_IMAGE "$registry/wrktalk/wrktalk-agent:broken"
