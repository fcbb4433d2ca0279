#!/usr/bin/env python3
"""pages.py URL EMAIL PASSWORD TOKEN CHROMEDRIVER: times the searches of the API and the views of the page; see bench-pages.sh."""
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request

URL, EMAIL, PASSWORD, TOKEN, DRIVER = sys.argv[1:6]
IDLE = int(os.environ.get("PAGES_IDLE_SECONDS", "60"))


def call(method, url, body=None, headers=None):
    request = urllib.request.Request(
        url, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read() or "null")


def row(name, text):
    print(f"{name:52}{text}", flush=True)


def measure(name, path, found):
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        answer = call("GET", f"{URL}/api/internal/{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        times.append((time.perf_counter() - begin) * 1000)
    row("  " + name, f"{statistics.median(times):6.0f} ms {max(times):6.0f} ms  {found(answer)}")
    return answer


print("searches of the API, 9 times each: p50 and the slowest, customers found")
for query in [
        "", "q=0042", "q=nobody-is-called-so", "version=2.3.0", "behind=3", "health=Critical", "notSeenFor=1d", "stuckFor=48h",
        "label=ring=canary", "label=region=r7&health=Offline&behind=2", "release=2.8.0&bucket=failed", "sort=-lastSeen", "sort=-behind",
        "sort=since&behind=1"]:
    measure(query or "everybody", f"fleet/organizations?limit=50&{query}", lambda answer: answer["total"])
print("what views ask for again and again, 9 times each: p50 and the slowest, customers found")
measure("the stages", "rollouts/bench/progress", lambda answer: sum(stage["members"] for stage in answer["stages"]))
for query in ["stage=rest", "stage=rest&state=failed", "state=failed,rolledBack", "stage=rest&q=0042"]:
    measure(f"the customers of {query}", f"rollouts/bench/targets?limit=50&{query}", lambda answer: answer["total"])
failures = measure("failures by cause", "releases/2.8.0/failures", lambda answer: answer["failed"])
for group in (failures["groups"][0], failures["groups"][-1]):
    measure(f"the customers of {group['reason']}", f"releases/2.8.0/failures/organizations?limit=50&group={group['id']}",
            lambda answer, group=group: group["count"])

driver = subprocess.Popen([DRIVER, "--port=0", "--log-level=WARNING"], stdout=subprocess.PIPE, text=True)
try:
    port = None
    for line in driver.stdout:
        if "started successfully on port" in line:
            port = "".join(filter(str.isdigit, line.split()[-1]))
            break
    base = f"http://127.0.0.1:{port}"
    session = call("POST", f"{base}/session", {"capabilities": {"alwaysMatch": {
        "browserName": "chrome", "goog:chromeOptions": {"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900", "--js-flags=--expose-gc"]}}}})
    at = f"{base}/session/{session['value']['sessionId']}"

    def run(script, *arguments):
        return call("POST", f"{at}/execute/sync", {"script": script, "args": list(arguments)})["value"]

    def wait(script, limit=60):
        end = time.time() + limit
        while time.time() < end:
            if run(script):
                return
            time.sleep(0.02)
        raise SystemExit(f"waited in vain for: {script}\n{run('return document.body.innerText')[:2000]}")

    cost = """return (() => { const all = performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"));
      return [all.length, all.reduce((sum, one) => sum + one.transferSize, 0)]; })()"""
    begin = time.perf_counter()
    call("POST", f"{at}/url", {"url": URL})
    wait("return !!document.querySelector('input[type=password]')")
    count, size = run(cost)
    row("the page, to the sign-in", f"{(time.perf_counter() - begin) * 1000:6.0f} ms  {count} requests, {size / 1000:.1f} kB")
    run("""const [email, password] = arguments; return (async () => { const set = (one, value) => { one.value = value; };
      set(document.querySelector("input[type=email]"), email); set(document.querySelector("input[type=password]"), password);
      document.querySelector("button[type=submit]").click(); })()""", EMAIL, PASSWORD)
    wait("return !!document.querySelector('nav')")
    print("views, each opened anew: time to the first useful sight, requests, bytes as sent")
    ready = ("return !!document.querySelector('main h1') && (!!document.querySelector('main table, main .bar, main .lead') || "
             "!!document.querySelector('main .empty')) && ![...document.querySelectorAll('main p')].some((one) => one.innerText === 'Looking…')")
    for place in [
            "rollouts", "rollouts/bench", "rollouts/bench?stage=rest&state=failed", "failures/2.8.0", "fleet", "fleet?q=0042&behind=2",
            "fleet/customer-000042", "releases", "releases/2.8.0", "audit"]:
        call("POST", f"{at}/url", {"url": "about:blank"})
        begin = time.perf_counter()
        call("POST", f"{at}/url", {"url": f"{URL}/#/{place}"})
        wait(ready)
        count, size = run(cost)
        row("  " + place, f"{(time.perf_counter() - begin) * 1000:6.0f} ms  {count} requests, {size / 1000:.1f} kB")

    # A phone on a slow network, as Lighthouse has it: 150 ms to the server and back, 1.6 Mbit/s, a processor of a quarter the speed.
    def devtools(command, **parameters):
        call("POST", f"{at}/goog/cdp/execute", {"cmd": command, "params": parameters})

    devtools("Network.enable")
    print("on a slow phone, nothing kept from before: time to the first useful sight")
    for place in ["rollouts", "rollouts/bench", "fleet"]:
        call("POST", f"{at}/url", {"url": "about:blank"})
        devtools("Network.clearBrowserCache")
        devtools("Network.emulateNetworkConditions", offline=False, latency=150, downloadThroughput=200_000, uploadThroughput=93_750)
        devtools("Emulation.setCPUThrottlingRate", rate=4)
        begin = time.perf_counter()
        call("POST", f"{at}/url", {"url": f"{URL}/#/{place}"})
        wait(ready)
        row("  " + place, f"{(time.perf_counter() - begin) * 1000:6.0f} ms")
    devtools("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    devtools("Emulation.setCPUThrottlingRate", rate=1)

    call("POST", f"{at}/url", {"url": f"{URL}/#/rollouts/bench"})
    wait(ready)

    def memory():
        return run("gc(); gc(); return [performance.memory.usedJSHeapSize, document.querySelectorAll('*').length]")

    time.sleep(3)
    before = memory()
    time.sleep(IDLE)
    after = memory()
    row(f"a rollout watched for {IDLE} s", f"heap {before[0] / 1e6:.2f} MB, then {after[0] / 1e6:.2f} MB; elements {before[1]}, then {after[1]}")
    call("DELETE", at)
finally:
    driver.terminate()
