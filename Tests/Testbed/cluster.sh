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
  install_packages golang-go golang-github-modern-go-reflect2-dev debian-archive-keyring dpkg-dev make rsync jq
  local folder name
  folder=$TESTBED_CACHE/kubernetes-source
  rm -rf "$folder"; mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$programs"
  say "building Kubernetes from Debian's source; this takes 5 to 10 minutes, once"
  # Debian 12's version, which runs pods on a Docker engine without anything between them. Its own lists leave the way this
  # machine is set up alone.
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) bookworm main" >"$folder/sources.list"
  local options=(-o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder" -o APT::Sandbox::User=root)
  (cd "$folder" && apt-get "${options[@]}" update -qq && apt-get "${options[@]}" source -qq --download-only kubernetes &&
    dpkg-source -x kubernetes_*.dsc source) >"$TESTBED_STATE/kubernetes-source.log" 2>&1 ||
    { tail -3 "$TESTBED_STATE/kubernetes-source.log" >&2; fail "the source of Kubernetes could not be fetched: see $TESTBED_STATE/kubernetes-source.log"; }
  # The copy of reflect2 in it reads memory that is not its own when a newer Go built it; the packaged one does not.
  local reflect=github.com/modern-go/reflect2
  rm -f "$folder/source/vendor/$reflect"/*.go "$folder/source/vendor/$reflect"/*.s
  cp /usr/share/gocode/src/$reflect/*.go /usr/share/gocode/src/$reflect/*.s "$folder/source/vendor/$reflect/"
  mkdir -p "$folder/source/.go/src/k8s.io"
  ln -sfn ../../.. "$folder/source/.go/src/k8s.io/kubernetes"
  # Without the drivers of the clouds, which are half of what would be built.
  for name in kube-apiserver kube-controller-manager kube-scheduler kubelet; do
    [ -x "$programs/$name" ] && continue
    say "building $name"
    (cd "$folder/source" && GOPATH=$PWD/.go CGO_ENABLED=0 HOME=$folder make WHAT="cmd/$name" GOFLAGS=-tags=providerless) >"$TESTBED_STATE/build-$name.log" 2>&1 ||
      { tail -5 "$TESTBED_STATE/build-$name.log" >&2; fail "$name could not be built: see $TESTBED_STATE/build-$name.log"; }
    # Under its own name only when it is whole.
    install "$folder/source/_output/local/bin/linux/$(dpkg --print-architecture)/$name" "$programs/$name.new"
    mv "$programs/$name.new" "$programs/$name"
  done
  chmod -R u+w "$folder"; rm -rf "$folder"
}

# certificate NAME SUBJECT: signed by the cluster's own authority; under its name only when it is whole.
certificate() {
  [ -s "$1.crt" ] || {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" &&
      openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.new" -extfile names &&
      mv "$1.new" "$1.crt"; }
}

# Each part of Kubernetes has its own identity, and so no more rights than on a real cluster.
certificates() {
  (cd "$state"
    echo "subjectAltName=IP:127.0.0.1,IP:$service_ip,IP:$bridge,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc" >names
    { [ -s accounts.pub ] || { openssl genrsa -out accounts.key 2048 && openssl rsa -in accounts.key -pubout -out accounts.pub; }; } &&
      { [ -s ca.crt ] || { openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.new -subj /CN=testbed-ca && mv ca.new ca.crt; }; } &&
      certificate api /CN=kube-apiserver &&
      certificate admin /O=system:masters/CN=admin &&
      certificate scheduler /CN=system:kube-scheduler &&
      certificate controllers /CN=system:kube-controller-manager &&
      certificate kubelet /O=system:nodes/CN=system:node:node1) >"$TESTBED_STATE/certificates.log" 2>&1 ||
    fail "certificates could not be made: see $TESTBED_STATE/certificates.log"
}

# kubeconfig FILE CREDENTIALS
kubeconfig() {
  cat >"$state/$1" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: testbed, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $state/ca.crt}}]
users: [{name: testbed, user: $2}]
contexts: [{name: testbed, context: {cluster: testbed, user: testbed, namespace: default}}]
current-context: testbed
YAML
}

configuration() {
  local part
  [ -s "$state/token" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$state/token"
  echo "$(cat "$state/token"),admin,admin,\"system:masters\"" >"$state/tokens.csv"
  kubeconfig kubeconfig "{token: $(cat "$state/token")}"
  for part in scheduler controllers kubelet; do
    kubeconfig "$part.kubeconfig" "{client-certificate: $state/$part.crt, client-key: $state/$part.key}"
  done
  # What Kubernetes asks itself is left out: the tests want to know what a client asked.
  cat >"$state/audit.yaml" <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, users: ["system:kube-scheduler", "system:kube-controller-manager", "system:apiserver"]}
  - {level: None, userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]}
  - {level: Metadata}
YAML
  # There is no DNS of the cluster; pods get the server of this machine, and no warning that there is none.
  cat >"$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $state/ca.crt}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
clusterDNS: [$(awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)]
nodeStatusUpdateFrequency: 2s
eventRecordQPS: 0
registryPullQPS: 0
serializeImagePulls: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
YAML
}

# The image of the sandbox of each pod: a shell that sleeps, and ends at once when it is told to.
sandbox=testbed/pause:2
sandbox_image() {
  docker image inspect "$sandbox" >/dev/null 2>&1 && return
  install_packages busybox-static
  local root; root=$(mktemp -d)
  mkdir "$root/bin"; cp /bin/busybox "$root/bin/"
  tar -C "$root" --numeric-owner --owner=0 --group=0 -c . |
    docker import -c 'CMD ["/bin/busybox", "sh", "-c", "trap exit TERM; while :; do busybox sleep 1000000 & wait; done"]' -c 'ENV PATH=/bin' - "$sandbox" >/dev/null
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

parts=(etcd apiserver controllers scheduler kubelet)
# run NAME COMMAND...: starts it unless it runs already.
run() { running "$1" || start "$@"; }
ask() { curl -fs --max-time 5 --cacert "$state/ca.crt" -H @<(echo "Authorization: Bearer $(cat "$state/token")") "https://127.0.0.1:6443$1"; }
node_is_ready() { ask /api/v1/nodes/node1 | jq -e '.status.conditions[] | select(.type == "Ready" and .status == "True")'; }
accounts_work() { ask /api/v1/namespaces/default/serviceaccounts/default; }

# Removes the pods, and what the kubelet mounted for them.
clear_node() {
  docker ps -aq --filter 'name=^/k8s_' 2>/dev/null | xargs -r docker rm -f >/dev/null 2>&1 || true
  awk -v folder="$state/kubelet" 'index($2 "/", folder "/") == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l || true
  rm -rf "$state/kubelet"
}

own_cluster() {
  [ "$(id -u)" = 0 ] || fail "a cluster of its own needs root; name another one with KUBECONFIG"
  build
  install_packages etcd-server jq openssl curl iptables
  mkdir -p "$state"; chmod 700 "$state"
  certificates; configuration; sandbox_image; service_address
  cd "$state"
  # Where parts died, they go on with what is stored; where no part and no pod is left, the cluster begins anew.
  local name survivors=0
  for name in "${parts[@]}"; do running "$name" && survivors=$((survivors + 1)); done
  [ $survivors != 0 ] || [ -n "$(docker ps -q --filter 'name=^/k8s_')" ] || { clear_node; rm -rf etcd audit*.log; }
  [ $survivors = ${#parts[@]} ] || say "starting Kubernetes"
  run etcd etcd --data-dir etcd --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
    --listen-peer-urls http://127.0.0.1:23800 --unsafe-no-fsync
  # Pods get tokens that expire and are rotated, as newer versions give them.
  run apiserver "$programs/kube-apiserver" --etcd-servers=http://127.0.0.1:23790 --secure-port=6443 --bind-address=0.0.0.0 --advertise-address="$bridge" \
    --tls-cert-file=api.crt --tls-private-key-file=api.key --client-ca-file=ca.crt --token-auth-file=tokens.csv \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --feature-gates=BoundServiceAccountTokenVolume=true \
    --service-account-key-file=accounts.pub --service-account-signing-key-file=accounts.key --service-account-issuer=https://kubernetes.default.svc \
    --service-account-extend-token-expiration=false --service-cluster-ip-range=10.0.0.0/24 --allow-privileged=true --kubelet-preferred-address-types=InternalIP \
    --kubelet-client-certificate=admin.crt --kubelet-client-key=admin.key \
    --audit-policy-file=audit.yaml --audit-log-path="$state/audit.log" --audit-log-maxsize=200 --audit-log-maxbackup=1
  wait_for 90 "the API server" ask /readyz
  run controllers "$programs/kube-controller-manager" --kubeconfig=controllers.kubeconfig --authentication-kubeconfig=controllers.kubeconfig \
    --authorization-kubeconfig=controllers.kubeconfig --service-account-private-key-file=accounts.key --root-ca-file=ca.crt \
    --use-service-account-credentials=true --leader-elect=false --feature-gates=BoundServiceAccountTokenVolume=true
  run scheduler "$programs/kube-scheduler" --kubeconfig=scheduler.kubeconfig --leader-elect=false
  run kubelet "$programs/kubelet" --kubeconfig=kubelet.kubeconfig --config=kubelet.yaml --container-runtime=docker --hostname-override=node1 \
    --node-ip="$bridge" --root-dir="$state/kubelet" --cert-dir="$state/kubelet-certificates" --pod-infra-container-image="$sandbox"
  wait_for 90 "the node" node_is_ready
  wait_for 30 "the default service account" accounts_work
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
  if [ -n "$given" ] && [ "$given" != "$state/kubeconfig" ] && "$kubectl" --kubeconfig "$given" get --raw /readyz >/dev/null 2>&1; then
    say "using the cluster that $given names"
    publish WRKTALK_TEST_KUBECONFIG "$given"
  else
    own_cluster
  fi
  ;;
down)
  for name in kubelet scheduler controllers apiserver etcd; do stop "$name"; done
  clear_node
  ;;
*) fail "usage: cluster.sh build|up|down" ;;
esac
