"""kr8s, which finds its way by discovery alone."""
import kr8s
from kr8s.objects import Namespace, new_class

from backend import GROUP, PLURAL, VERSION, check, deployment, finish

NS = "kr8s"
api = kr8s.api()
Deployment = new_class(kind="DesiredDeployment", version=f"{GROUP}/{VERSION}", namespaced=True, plural=PLURAL)

Namespace({"metadata": {"name": NS}}, api=api).create()
check("namespaces", NS in [namespace.name for namespace in api.get("namespaces")])
one = Deployment(deployment("one", namespace=NS), api=api)
one.create()
check("an object is there", one.exists())
one.patch({"spec": {"suspend": True}})
check("a patch", one.spec.suspend is True)
one.label(tier="a")
check("a label", one.labels["tier"] == "a")
found = list(api.get(PLURAL, namespace=NS, label_selector={"tier": "a"}))
check("a list by a selector", [item.name for item in found] == ["one"], found)
check("the version", api.version()["major"] == "1")
event, changed = next(iter(api.watch(PLURAL, namespace=NS)))
check("a watch", (event, changed.name) == ("ADDED", "one"), event)
one.delete()
one.wait("delete", timeout=20)
check("an object is gone", not one.exists())
namespace = Namespace.get(NS, api=api)
namespace.delete()
check("a namespace is gone", not namespace.exists())
finish()
