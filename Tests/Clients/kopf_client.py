"""An operator on kopf: its handlers run as objects come, change and go, and its Events and annotations arrive."""
import threading

import kopf
from kubernetes import client

from backend import GROUP, PLURAL, SERVER, VERSION, check, deployment, finish, token, until

NS = "kopf"
seen = []
tries = []
RESOURCE = (GROUP, VERSION, PLURAL)


@kopf.on.login()
def login(**_):
    return kopf.ConnectionInfo(server=SERVER, token=token("admin"))


@kopf.on.create(*RESOURCE)
def created(name, body, patch, **_):
    tries.append(name)
    if len(tries) == 1:
        raise kopf.TemporaryError("not yet", delay=0.1)
    kopf.exception(body, reason="Trouble", message="an Event of a type of its own", exc=None)
    patch.metadata.annotations["example.com/seen"] = "yes"
    seen.append("created")


@kopf.on.update(*RESOURCE, field="spec.version")
def updated(old, new, **_):
    seen.append(f"updated {old} to {new}")


@kopf.on.delete(*RESOURCE)
def deleted(**_):
    seen.append("deleted")


configuration = client.Configuration(host=SERVER)
configuration.api_key = {"authorization": f"Bearer {token('admin')}", "BearerToken": f"Bearer {token('admin')}"}
api = client.ApiClient(configuration)
core, custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
where = (GROUP, VERSION, NS, PLURAL)


def names():
    return [item["metadata"]["name"] for item in custom.list_namespaced_custom_object(*where)["items"]]


stop = threading.Event()
operator = threading.Thread(target=lambda: kopf.run(clusterwide=True, stop_flag=stop, standalone=True), daemon=True)
operator.start()
custom.create_namespaced_custom_object(*where, deployment("one"))
until("the handler of a new object", lambda: "created" in seen)
check("it was tried again", len(tries) == 2, tries)
until("its annotation", lambda: "example.com/seen" in custom.get_namespaced_custom_object(*where, "one")["metadata"].get("annotations", {}))
until("its Event", lambda: "Error" in [event.type for event in core.list_namespaced_event(NS).items])
custom.patch_namespaced_custom_object(*where, "one", {"spec": {"version": "1.1.0"}})
until("the handler of a change", lambda: "updated 1.0.0 to 1.1.0" in seen)
check("a finalizer holds it", custom.get_namespaced_custom_object(*where, "one")["metadata"]["finalizers"])
custom.delete_namespaced_custom_object(*where, "one")
until("the handler of a deletion", lambda: "deleted" in seen)
until("the object is gone", lambda: names() == [])
stop.set()
operator.join(20)
check("the operator ended", not operator.is_alive())
finish()
