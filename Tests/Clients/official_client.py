"""The official client of Kubernetes, `kubernetes`: typed, for custom objects, dynamic, and its leader election."""
import datetime
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from backend import GROUP, PLURAL, SERVER, VERSION, check, deployment, finish, refused, token, until

NS = "python"
JSON_PATCH = "application/json-patch+json"
ApiException = client.ApiException


def api_client(role):
    configuration = client.Configuration(host=SERVER)
    configuration.api_key = {"authorization": f"Bearer {token(role)}", "BearerToken": f"Bearer {token(role)}"}
    return client.ApiClient(configuration)


def namespace(name, **metadata):
    return client.V1Namespace(metadata=client.V1ObjectMeta(name=name, **metadata))


def a_lease(name, **spec):
    return client.V1Lease(metadata=client.V1ObjectMeta(name=name), spec=client.V1LeaseSpec(**spec))


def status(what, code, call):
    refused(what, code, call, ApiException)


api = api_client("admin")
core, custom, leases = client.CoreV1Api(api), client.CustomObjectsApi(api), client.CoordinationV1Api(api)
where = (GROUP, VERSION, NS, PLURAL)

# Namespaces.
check("no namespace is there at first", NS not in [n.metadata.name for n in core.list_namespace().items])
made = core.create_namespace(namespace(NS, labels={"team": "a"}))
check("a namespace is active", made.status.phase == "Active")
status("a namespace is made once", 409, lambda: core.create_namespace(namespace(NS)))
core.patch_namespace(NS, {"metadata": {"labels": {"team": "b"}}})
check("a namespace is patched", core.read_namespace(NS).metadata.labels["team"] == "b")

# Custom objects.
one = custom.create_namespaced_custom_object(*where, deployment("one"))
check("an object has its defaults", one["spec"]["failurePolicy"] == "RollBack")
status("an object is made once", 409, lambda: custom.create_namespaced_custom_object(*where, deployment("one")))
status("what is not valid", 422, lambda: custom.create_namespaced_custom_object(*where, deployment("x", "newest")))
status("what is not there", 404, lambda: custom.get_namespaced_custom_object(*where, "none"))
status("a viewer", 403, lambda: client.CustomObjectsApi(api_client("viewer")).delete_namespaced_custom_object(*where, "one"))
core_of_nobody = client.CoreV1Api(client.ApiClient(client.Configuration(host=SERVER)))
status("nobody", 401, core_of_nobody.list_namespace)
patched = custom.patch_namespaced_custom_object(*where, "one", {"spec": {"suspend": True}})
check("a merge patch", patched["spec"]["suspend"] is True and patched["metadata"]["generation"] == 2)
operations = [{"op": "replace", "path": "/spec/suspend", "value": False}]
patched = custom.patch_namespaced_custom_object(*where, "one", operations, _content_type=JSON_PATCH)
check("a JSON patch", patched["spec"]["suspend"] is False)
status("a stale version", 409, lambda: custom.replace_namespaced_custom_object(*where, "one", one))
reported = custom.patch_namespaced_custom_object_status(*where, "one", {"status": {"observedGeneration": 3}})
check("a status", reported["status"]["observedGeneration"] == 3)

# Lists, pages and watches.
for name in ("two", "three", "four"):
    custom.create_namespaced_custom_object(*where, deployment(name, labels={"tier": "b"}))
page = custom.list_namespaced_custom_object(*where, limit=3)
rest = custom.list_namespaced_custom_object(*where, limit=3, _continue=page["metadata"]["continue"])
check("pages", [len(page["items"]), len(rest["items"])] == [3, 1], page["metadata"])
check("a selector", len(custom.list_namespaced_custom_object(*where, label_selector="tier=b")["items"]) == 3)
since = rest["metadata"]["resourceVersion"]
custom.delete_namespaced_custom_object(*where, "two")
events = watch.Watch().stream(
    custom.list_namespaced_custom_object, *where, resource_version=since, timeout_seconds=5)
event = next(iter(events))
check("a watch", (event["type"], event["object"]["metadata"]["name"]) == ("DELETED", "two"), event["type"])

# Deletions that are bounded, refused, and last.
leases.create_namespaced_lease(NS, a_lease("bound-a"))
leases.create_namespaced_lease(NS, a_lease("bound-b"))
leases.delete_collection_namespaced_lease(NS, limit=1)
check("a bounded deletion", [lease.metadata.name for lease in leases.list_namespaced_lease(NS).items] == ["bound-b"])
status("a page that is not valid", 400, lambda: leases.delete_collection_namespaced_lease(NS, _continue="x"))
status("a policy that is not valid", 422, lambda: custom.delete_namespaced_custom_object(*where, "one", propagation_policy="Sideways"))
custom.patch_namespaced_custom_object(*where, "one", {"metadata": {"finalizers": ["example.com/x"]}})
custom.delete_namespaced_custom_object(*where, "one")
check("a finalizer holds", "deletionTimestamp" in custom.get_namespaced_custom_object(*where, "one")["metadata"])
freed = custom.patch_namespaced_custom_object(
    *where, "one", [{"op": "remove", "path": "/metadata/finalizers"}], _content_type=JSON_PATCH)
check("the last finalizer is gone from the answer", "finalizers" not in freed["metadata"], freed["metadata"])
status("a freed object", 404, lambda: custom.get_namespaced_custom_object(*where, "one"))

# Events and Leases, whose patches are strategic by default.
now = datetime.datetime(2026, 11, 24, 3, 0, 32, tzinfo=datetime.timezone.utc)
core.create_namespaced_event(
    NS, client.CoreV1Event(
        metadata=client.V1ObjectMeta(name="e"), involved_object=client.V1ObjectReference(kind="DesiredDeployment", name="one"),
        type="Error", reason="Trouble", message="seen", count=1, event_time=now))
check("an Event's count", core.patch_namespaced_event("e", NS, {"count": 2}).count == 2)
lease = leases.create_namespaced_lease(NS, a_lease("l", holder_identity="a", renew_time=now))
lease = leases.patch_namespaced_lease("l", NS, {"spec": {"holderIdentity": "b"}, "metadata": {"finalizers": ["example.com/x"]}})
check("a Lease's holder", lease.spec.holder_identity == "b" and lease.spec.renew_time == now, lease.spec)
lease = leases.patch_namespaced_lease("l", NS, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/x"]}})
check("a finalizer is taken from its list", not lease.metadata.finalizers, lease.metadata.finalizers)
status("a directive that is not supported", 400, lambda: leases.patch_namespaced_lease("l", NS, {"spec": {"$retainKeys": []}}))
replaced = leases.replace_namespaced_lease("new", NS, a_lease("new"))
check("a Lease is made by an update", replaced.metadata.uid)

# Discovery, and the dynamic client that lives by it.
discovered = dynamic.DynamicClient(api)
kind = discovered.resources.get(api_version=f"{GROUP}/{VERSION}", kind="DesiredDeployment")
discovered.create(kind, deployment("dynamic"), namespace=NS)
check("the dynamic client", "dynamic" in [item.metadata.name for item in discovered.get(kind, namespace=NS).items])
check("namespaces are discovered", discovered.resources.get(api_version="v1", kind="Namespace").namespaced is False)

# The kubeconfig of the README.
config.load_kube_config()
check("the kubeconfig", NS in [n.metadata.name for n in client.CoreV1Api().list_namespace().items])

# Leader election with an Agent's token, which is good for its own Lease alone.
client.Configuration.set_default(api_client("agent").configuration)
led = threading.Event()
election = leaderelection.LeaderElection(
    electionconfig.Config(
        LeaseLock("wrktalk-agent", NS, "me"), lease_duration=4, renew_deadline=3, retry_period=1, onstarted_leading=led.set,
        onstopped_leading=lambda: None))
threading.Thread(target=election.run, daemon=True).start()
check("leadership", led.wait(20))
until("the lease names its holder", lambda: leases.read_namespaced_lease("wrktalk-agent", NS).spec.holder_identity == "me")

# A namespace goes when nothing of worth is in it.
status("a namespace with deployments", 409, lambda: core.delete_namespace(NS))
custom.delete_collection_namespaced_custom_object(*where)
core.create_namespace(namespace("empty"))
core.delete_namespace("empty")
status("a deleted namespace", 404, lambda: core.read_namespace("empty"))
finish()
