#!/bin/bash
# images.sh: 2 MB images, made of busybox alone and pushed to the testbed's registry, that stand in for an application's:
# REGISTRY/wrktalk/{backend,media,control-tower,agent} with the tags
#   v1 v2 v3   serve HTTP on 8080 and answer /healthz
#   slow       the same, after 20 s
#   unhealthy  runs, and answers /healthz with 404
#   crash      writes an error and ends with exit code 1
. "$(dirname "$0")/lib.sh"
registry=${WRKTALK_TEST_REGISTRY:-127.0.0.1:5000}
services=(backend media control-tower agent)

# The marker is pushed last and names this set of images, so that neither half a set nor another one is taken for it.
marker=images-1
present() { curl -fs "http://$registry/v2/wrktalk/testbed/tags/list" | grep -q "\"$marker\""; }
if present; then publish WRKTALK_TEST_IMAGES "$registry/wrktalk"; exit 0; fi

install_packages busybox-static
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/www" "$root/tmp"
cp /bin/busybox "$root/bin/"
for applet in sh httpd sleep cat wget echo mkdir; do ln -sf busybox "$root/bin/$applet"; done

image() { # image TAG COMMAND-AS-JSON
  echo "$1" >"$root/www/version"
  rm -f "$root/www/healthz"; [ "$1" = unhealthy ] || cp "$root/www/version" "$root/www/healthz"
  tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | docker import -c "CMD $2" - "wrktalk-base:$1" >/dev/null
  local service
  for service in "${services[@]}"; do
    docker tag "wrktalk-base:$1" "$registry/wrktalk/$service:$1"
    docker push -q "$registry/wrktalk/$service:$1" >/dev/null
  done
}
say "making the application images"
serve='["/bin/busybox","httpd","-f","-p","8080","-h","/www"]'
for tag in v1 v2 v3 unhealthy; do image "$tag" "$serve"; done
image slow '["/bin/sh","-c","sleep 20; exec httpd -f -p 8080 -h /www"]'
image crash '["/bin/sh","-c","echo \"cannot read the settings: no such table\" >&2; exit 1"]'
docker tag wrktalk-base:v1 "$registry/wrktalk/testbed:$marker"
docker push -q "$registry/wrktalk/testbed:$marker" >/dev/null
publish WRKTALK_TEST_IMAGES "$registry/wrktalk"
