"""What the scripts of this folder share: the Backend to talk to, objects, and checks that name what failed.

The environment names the Backend (SERVER), the tokens of three roles (ADMIN_TOKEN, AGENT_TOKEN, VIEWER_TOKEN) and a
kubeconfig with the first of them (KUBECONFIG)."""
import os
import sys
import time

SERVER = os.environ["SERVER"]
GROUP, VERSION, PLURAL = "deploy.wrktalk.com", "v1", "desireddeployments"
failures = []


def token(role):
    return os.environ[f"{role.upper()}_TOKEN"]


def deployment(name, version="1.0.0", **metadata):
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "DesiredDeployment",
        "metadata": {"name": name, **metadata},
        "spec": {
            "version": version,
            "runtime": "Compose",
            "artifact": {"path": "artifacts/a.tgz", "sha256": "a" * 64},
            "compose": {"projectName": name},
        },
    }


def check(what, holds, seen=""):
    if not holds:
        failures.append(what)
        print(f"FAILED {what}: {seen}", flush=True)


def refused(what, status, call, exception=Exception):
    """That `call` is answered with an HTTP status."""
    try:
        seen = call()
    except exception as error:
        seen = getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", error)
    check(what, seen == status, seen)


def until(what, condition, seconds=30):
    """Waits until a condition holds, which something in the background brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            check(what, False, "not within the time")
            return
        time.sleep(0.05)


def finish():
    print("failed: " + ", ".join(failures) if failures else "every check passed", flush=True)
    # Not sys.exit: a thread that a library left behind may be printing, and Python aborts where it cannot wait for that.
    sys.stdout.flush()
    os._exit(1 if failures else 0)
