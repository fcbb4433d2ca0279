#!/bin/bash
# cluster.sh build|up|down: a real Kubernetes cluster. One that KUBECONFIG names and that answers is used as it is; else a
# cluster of one node runs here: API server with RBAC and an audit log, controllers, scheduler, and a kubelet that runs pods
# on the Docker engine. Its programs are built once, from Debian's source package (5 to 10 minutes), and kept.
. "$(dirname "$0")/lib.sh"
programs=$TESTBED_CACHE/kubernetes
state=$TESTBED_STATE/cluster
bridge=172.17.0.1       # where pods reach this machine: the Docker engine's own network
service_ip=10.0.0.1     # what pods are told the API server's address is

built() { local name; for name in kube-apiserver kube-controller-manager kube-scheduler kubelet; do [ -x "$programs/$name" ] || return 1; done; }

build() {
  built && return
  install_packages golang-go golang-github-modern-go-reflect2-dev dpkg-dev rsync jq
  local folder name mirror
  folder=$TESTBED_CACHE/kubernetes-source
  rm -rf "$folder"; mkdir -p "$folder/lists/partial" "$programs"
  say "building Kubernetes from Debian's source; this takes 5 to 10 minutes, once"
  # The sources of this machine's own release, without changing how the machine is set up.
  if ls /etc/apt/sources.list.d/*.sources >/dev/null 2>&1; then
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$folder/source.sources"
  else
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$folder/source.list"
  fi
  local options=(-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$folder" -o Dir::State::Lists="$folder/lists" -o APT::Sandbox::User=root)
  (cd "$folder" && apt-get "${options[@]}" update -qq && apt-get "${options[@]}" source -qq --download-only kubernetes &&
    dpkg-source -x kubernetes_*.dsc source) >"$TESTBED_STATE/kubernetes-source.log" 2>&1 ||
    { tail -3 "$TESTBED_STATE/kubernetes-source.log" >&2; fail "the source of Kubernetes could not be fetched: see $TESTBED_STATE/kubernetes-source.log"; }
  # The copy of reflect2 in it reads memory that is not its own when a newer Go built it; the packaged one does not.
  local reflect=github.com/modern-go/reflect2
  rm -f "$folder/source/vendor/$reflect"/*.go "$folder/source/vendor/$reflect"/*.s
  cp /usr/share/gocode/src/$reflect/*.go /usr/share/gocode/src/$reflect/*.s "$folder/source/vendor/$reflect/"
  mkdir -p "$folder/source/.go/src/k8s.io"
  ln -sfn ../../.. "$folder/source/.go/src/k8s.io/kubernetes"
  for name in kube-apiserver kube-controller-manager kube-scheduler kubelet; do
    [ -x "$programs/$name" ] && continue
    say "building $name"
    (cd "$folder/source" && GOPATH=$PWD/.go CGO_ENABLED=0 HOME=$folder make WHAT="cmd/$name") >"$TESTBED_STATE/build-$name.log" 2>&1 ||
      { tail -5 "$TESTBED_STATE/build-$name.log" >&2; fail "$name could not be built: see $TESTBED_STATE/build-$name.log"; }
    # Under its own name only when it is whole.
    install "$folder/source/_output/local/bin/linux/$(dpkg --print-architecture)/$name" "$programs/$name.new"
    mv "$programs/$name.new" "$programs/$name"
  done
  chmod -R u+w "$folder"; rm -rf "$folder"
}

certificates() {
  [ -s "$state/api.crt" ] && return
  local make=(openssl req -newkey rsa:2048 -nodes)
  (cd "$state"
    openssl genrsa -out accounts.key 2048
    openssl rsa -in accounts.key -pubout -out accounts.pub
    "${make[@]}" -x509 -days 3650 -keyout ca.key -out ca.crt -subj /CN=testbed-ca
    for name in admin:/O=system:masters/CN=admin api:/CN=kube-apiserver; do
      "${make[@]}" -keyout "${name%%:*}.key" -out "${name%%:*}.csr" -subj "${name#*:}"
      openssl x509 -req -in "${name%%:*}.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "${name%%:*}.new" -extfile <(
        echo "subjectAltName=IP:127.0.0.1,IP:$service_ip,IP:$bridge,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc")
      mv "${name%%:*}.new" "${name%%:*}.crt"
    done) >"$TESTBED_STATE/certificates.log" 2>&1 || fail "certificates could not be made: see $TESTBED_STATE/certificates.log"
}

configuration() {
  [ -s "$state/token" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$state/token"
  echo "$(cat "$state/token"),admin,admin,\"system:masters\"" >"$state/tokens.csv"
  cat >"$state/kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: testbed, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $state/ca.crt}}]
users: [{name: admin, user: {token: $(cat "$state/token")}}]
contexts: [{name: testbed, context: {cluster: testbed, user: admin, namespace: default}}]
current-context: testbed
YAML
  cat >"$state/audit.yaml" <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, users: ["system:kube-scheduler", "system:kube-controller-manager", "system:apiserver"]}
  - {level: None, userGroups: ["system:nodes"]}
  - {level: Metadata}
YAML
  cat >"$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
eventRecordQPS: 0
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
YAML
}

# The image of the sandbox of each pod: busybox asleep.
sandbox_image() {
  docker image inspect testbed/pause:1 >/dev/null 2>&1 && return
  install_packages busybox-static
  local root; root=$(mktemp -d)
  mkdir "$root/bin"; cp /bin/busybox "$root/bin/"
  tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | docker import -c 'CMD ["/bin/busybox","sleep","1000000000"]' - testbed/pause:1 >/dev/null
  rm -rf "$root"
}

# Nothing here translates service addresses, so the one that pods know the API server by is translated for all of them.
service_address() {
  local chain
  for chain in PREROUTING OUTPUT; do
    as_root iptables -t nat -C "$chain" -d "$service_ip/32" -p tcp --dport 443 -j DNAT --to-destination "$bridge:6443" 2>/dev/null ||
      as_root iptables -t nat -A "$chain" -d "$service_ip/32" -p tcp --dport 443 -j DNAT --to-destination "$bridge:6443"
  done
}

# run NAME COMMAND...: starts it unless it runs already.
run() { running "$1" || start "$@"; }
ask() { curl -fs --cacert "$state/ca.crt" -H @<(echo "Authorization: Bearer $(cat "$state/token")") -A testbed "https://127.0.0.1:6443$1"; }
api_answers() { ask /readyz; }
node_is_ready() { ask /api/v1/nodes/node1 | jq -e '.status.conditions[] | select(.type == "Ready" and .status == "True")'; }

own_cluster() {
  [ "$(id -u)" = 0 ] || fail "a cluster of its own needs root; name another one with KUBECONFIG"
  build
  install_packages etcd-server jq openssl curl iptables
  mkdir -p "$state"; chmod 700 "$state"
  certificates; configuration; sandbox_image; service_address
  say "starting Kubernetes"
  cd "$state"
  # Nothing of an earlier cluster is kept: its pods are gone too.
  running etcd || { rm -rf etcd; docker ps -aq --filter name='^k8s_' | xargs -r docker rm -f >/dev/null 2>&1 || true; }
  run etcd etcd --data-dir etcd --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 --listen-peer-urls http://127.0.0.1:23800 --unsafe-no-fsync
  run apiserver "$programs/kube-apiserver" --etcd-servers=http://127.0.0.1:23790 --secure-port=6443 --bind-address=0.0.0.0 --advertise-address="$bridge" \
    --tls-cert-file=api.crt --tls-private-key-file=api.key --client-ca-file=ca.crt --token-auth-file=tokens.csv --authorization-mode=RBAC \
    --service-account-key-file=accounts.pub --service-account-signing-key-file=accounts.key --service-account-issuer=https://kubernetes.default.svc \
    --kubelet-preferred-address-types=InternalIP --service-cluster-ip-range=10.0.0.0/24 --allow-privileged=true \
    --audit-policy-file=audit.yaml --audit-log-path="$state/audit.log" --audit-log-maxsize=200 --audit-log-maxbackup=1
  wait_for 90 "the API server" api_answers
  run controllers "$programs/kube-controller-manager" --kubeconfig=kubeconfig --authentication-kubeconfig=kubeconfig --authorization-kubeconfig=kubeconfig \
    --service-account-private-key-file=accounts.key --root-ca-file=ca.crt --use-service-account-credentials=true
  run scheduler "$programs/kube-scheduler" --kubeconfig=kubeconfig
  run kubelet "$programs/kubelet" --kubeconfig=kubeconfig --config=kubelet.yaml --container-runtime=docker --hostname-override=node1 \
    --root-dir="$state/kubelet" --pod-infra-container-image=testbed/pause:1
  wait_for 90 "the node" node_is_ready
  publish WRKTALK_TEST_KUBECONFIG "$state/kubeconfig"
  publish WRKTALK_TEST_AUDIT_LOG "$state/audit.log"
  publish WRKTALK_TEST_CLUSTER_CA "$state"
  publish WRKTALK_TEST_HOST_ADDRESS "$bridge"
}

kubectl=$(. "$TESTBED_STATE/environment" 2>/dev/null; echo "${WRKTALK_TEST_KUBECTL:-kubectl}")
case ${1:-up} in
build) build ;;
up)
  given=${WRKTALK_TEST_KUBECONFIG:-${KUBECONFIG:-}}
  if [ -n "$given" ] && [ "$given" != "$state/kubeconfig" ]; then
    "$kubectl" --kubeconfig "$given" get --raw /readyz >/dev/null 2>&1 || fail "the cluster that KUBECONFIG names does not answer"
    publish WRKTALK_TEST_KUBECONFIG "$given"
  else
    own_cluster
  fi
  ;;
down)
  for name in kubelet scheduler controllers apiserver etcd; do stop "$name"; done
  docker ps -aq --filter name='^k8s_' 2>/dev/null | xargs -r docker rm -f >/dev/null 2>&1 || true
  ;;
*) fail "usage: cluster.sh build|up|down" ;;
esac
