# A customer with Docker Compose: what customer.sh needs to know of the runtime.
agent_settings=(WRKTALK_AGENT_DEPLOYMENT_TYPE=docker)
runtime_spec="  runtime: Compose
  compose:
    projectName: $project
    envPath: config/.env
    timeout: 2m"

make_environment() { printf 'REGISTRY=%s\nBACKEND_PORT=%s\n' "$images" "$((port + 1))" >"$bucket/config/.env"; }

remove_environment() {
  docker ps -aq --filter "label=com.docker.compose.project=$project" | xargs -r docker rm -f >/dev/null 2>&1 || true
  docker network ls -q --filter "label=com.docker.compose.project=$project" | xargs -r docker network rm >/dev/null 2>&1 || true
}

# What a release manifest is made from, before the artifact's path.
manifest_options=(--env "$bucket/config/.env" --bundle)

# pack VERSION: puts the demo's bundle into the bucket, and prints its path there.
pack() {
  local bundle=artifacts/compose/wrktalk-$1-compose.tar.gz
  tar -C "$TESTBED/../Demo/bundle" --owner=0 --group=0 -czf "$bucket/$bundle" wrktalk
  echo "$bundle"
}

# workloads: what runs.
workloads() {
  docker ps -a --filter "label=com.docker.compose.project=$project" \
    --format '{{.Label "com.docker.compose.service"}}  {{.State}}  {{.Status}}' | sort
}
