import TestSupport
import Testing
import WireFormats

/// Modules of the pages, in the engine that runs them.
@Suite(.needs(.browser), .timeLimit(.minutes(5)))
struct PageModuleTests {
  enum Page: String {
    case tower = "wrktalk-backend"
    case fleet = "wrktalk-gcc"
  }

  /// Runs the body of an asynchronous function that gets `load(name, folder)`, which imports a module; without a folder one that both
  /// pages share.
  func run(_ script: String, on page: Page = .tower) async throws -> JSONValue {
    let folder = try TemporaryFolder()
    let backend = try await ServerProcess(
      page.rawValue, arguments: ["--data-dir", folder.file("data")], environment: [:])
    var value = JSONValue.null
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await Browser.use { browser in
          try await browser.open(backend.url)
          value = try await browser.run(
            """
            const root = document.querySelector("script[type=module]").src.replace(/page.js$/, "");
            const load = (name, folder = "shared") => import(root + folder + "/" + name);
            return (async () => { \(script) })();
            """)
          #expect(try await browser.console() == [])
        })
    } catch {
      result = .failure(error)
    }
    await backend.program.stop()
    try result.get()
    return value
  }

  /// Minutes by which clocks are put forward on a day: far in the east and the west, at midnight, by half an hour.
  private static let shifts: [(zone: String, day: String, minutes: Int64)] = [
    ("Europe/Berlin", "2026-03-28", 0), ("Europe/Berlin", "2026-03-29", 60), ("Europe/Berlin", "2026-03-30", 0),
    ("Europe/Berlin", "2026-10-25", -60), ("Europe/Berlin", "2026-10-26", 0), ("Asia/Tokyo", "2026-03-29", 0),
    ("Australia/Sydney", "2026-10-03", 0), ("Australia/Sydney", "2026-10-04", 60),
    ("Australia/Sydney", "2026-04-04", 0), ("Australia/Sydney", "2026-04-05", -60),
    ("Australia/Lord_Howe", "2026-10-04", 30), ("Australia/Lord_Howe", "2026-04-05", -30),
    ("Pacific/Auckland", "2026-09-26", 0), ("Pacific/Auckland", "2026-09-27", 60),
    ("America/Los_Angeles", "2026-03-08", 60), ("America/Los_Angeles", "2026-03-09", 0),
    ("America/Santiago", "2026-09-05", 0), ("America/Santiago", "2026-09-06", 60),
    ("America/Santiago", "2026-04-04", -60), ("America/Santiago", "2026-04-05", 0),
    ("America/Havana", "2026-03-08", 60), ("America/Havana", "2026-11-01", -60), ("Africa/Cairo", "2026-04-24", 60),
  ]

  @Test func timesAreRightOverEveryChangeOfClocks() async throws {
    let days = Self.shifts.map { JSONValue.array([.string($0.zone), .string($0.day)]) }
    let value = try await run(
      """
      const { clockShift, moments, full, absolute, localText, span, stamp, timeElement, offsetMinutes } = await load("time.js");
      const iso = (list) => list.map((date) => date.toISOString());
      const zone = "Europe/Berlin";
      return {
        plain: iso(moments("2026-12-12T02:00", zone)),
        twice: iso(moments("2026-10-25T02:30", zone)),
        never: iso(moments("2027-03-28T02:30", zone)),
        far: iso(moments("2026-12-12T02:00", "Pacific/Kiritimati")),
        half: iso(moments("2026-04-05T01:45", "Australia/Lord_Howe")),
        full: full("2026-12-12T01:00:00Z", zone),
        otherDay: full("2026-12-12T23:30:00Z", zone),
        back: localText("2026-10-25T01:30:00Z", zone),
        stamps: [["2026-12-12T01:00:00Z", zone], ["2026-12-12T23:30:00Z", zone], ["2026-12-12T01:00:00Z", "UTC"], ["2026-07-01T20:00:00Z", "Asia/Tokyo"]]
          .map((one) => stamp(...one)),
        shown: ["both", "absolute"].map((form) => timeElement("2026-12-12T01:00:00Z", { timeZone: zone, form }).textContent),
        shifts: \(JSONValue.array(days).text).map(([zone, day]) => clockShift(...day.split("-").map(Number), zone)),
        old: absolute("1969-12-31T23:59:59Z", "UTC"),
        offset: offsetMinutes("2026-07-01T00:00:00Z", "Asia/Kathmandu"),
        spans: [span(0), span(59_400), span(60_000), span(3_600_000 * 76 + 5), span(-1)],
      };
      """)
    #expect(value["plain"] == ["2026-12-12T01:00:00.000Z"])
    #expect(value["twice"] == ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"])
    #expect(value["never"] == [])
    #expect(value["far"] == ["2026-12-11T12:00:00.000Z"])
    // Clocks go back by half an hour there.
    #expect(value["half"] == ["2026-04-04T14:45:00.000Z", "2026-04-04T15:15:00.000Z"])
    #expect(value["full"] == "Sat 12 Dec 2026, 02:00 Europe/Berlin (01:00 UTC)")
    #expect(value["otherDay"] == "Sun 13 Dec 2026, 00:30 Europe/Berlin (Sat 12 Dec 2026, 23:30 UTC)")
    #expect(value["back"] == "2026-10-25T02:30")
    #expect(
      value["stamps"] == [
        "Sat 12 Dec 2026, 02:00 CET (01:00 UTC)", "Sun 13 Dec 2026, 00:30 CET (Sat 23:30 UTC)",
        "Sat 12 Dec 2026, 01:00 UTC", "Thu 2 Jul 2026, 05:00 GMT+9 (Wed 20:00 UTC)",
      ], "\(value["stamps"] ?? .null)")
    // The zone and UTC stand where everybody reads them.
    for shown in value["shown"]?.array ?? [] {
      #expect(shown.string?.hasPrefix("Sat 12 Dec 2026, 02:00 CET (01:00 UTC)") == true, "\(shown)")
    }
    for (expected, found) in zip(Self.shifts, value["shifts"]?.array ?? []) {
      #expect(found == .integer(expected.minutes), "\(expected.zone) \(expected.day)")
    }
    #expect(value["shifts"]?.array?.count == Self.shifts.count)
    #expect(value["old"] == "Wed 31 Dec 1969, 23:59")
    #expect(value["offset"] == 345)
    #expect(value["spans"] == ["0 s", "59 s", "1 min", "3 d 4 h", "0 s"])
  }

  @Test func elementsAreMadeOfTextAlone() async throws {
    let value = try await run(
      """
      const { el, render, safeAddress, visible } = await load("dom.js");
      const place = el("div");
      document.body.append(place);
      let clicks = [];
      render(place, el("input", { value: "1" }), el("button", { key: "b", on: { click: () => clicks.push("old") } }, "<b>x</b>"));
      const [input, button] = place.children;
      input.value = "typed";
      button.focus();
      render(place, el("p", "new"), el("input", { value: "1" }), el("button", { key: "b", on: { click: () => clicks.push("new") } }, "y"));
      place.querySelector("button").click();
      let refused = [];
      for (const name of ["onclick", "style", "srcdoc", "formaction"]) {
        try { el("a", { [name]: "x" }); } catch { refused.push(name); }
      }
      return {
        kept: place.querySelector("button") === button, focus: document.activeElement === button, clicks, refused,
        addresses: ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example", "http://evil.example", "#/now", "/api", "https://a.example/"].map(safeAddress),
        visible: visible("a\\u001b[31m\\u202eb\\u0000\\r\\n\\tc\\u2066"), html: el("p", "<img src=x onerror=alert(1)>").innerHTML,
      };
      """)
    #expect(value["kept"] == true && value["focus"] == true && value["clicks"] == ["new"])
    #expect(value["refused"] == ["onclick", "style", "srcdoc", "formaction"])
    #expect(value["addresses"] == ["#", "#", "#", "#", "#", "#/now", "/api", "https://a.example/"])
    #expect(value["visible"] == "a␛[31m[U+202E]b␀\n\tc[U+2066]")
    #expect(value["html"] == "&lt;img src=x onerror=alert(1)&gt;")
  }

  private static let stages: [(line: String, stage: JSONValue)] = [
    ("canary: 5%", ["name": "canary", "percent": 5]), ("a : 20", ["name": "a", "count": 20]),
    ("rest: everyone", ["name": "rest"]),
    ("a: only x,y approval", ["name": "a", "organizations": ["x", "y"], "gate": ["approval": true]]),
    (
      "a: label ring=canary,tier= success 95",
      [
        "name": "a", "selector": ["matchLabels": ["ring": "canary", "tier": ""]], "gate": ["successPercent": 95],
      ]
    ),
    (
      "a: 1% success 95% failures 3 failures 2% reports 10 soak 30m silent 3d approval at-once 50 per-minute 100",
      [
        "name": "a", "percent": 1, "maxInFlight": 50, "startsPerMinute": 100,
        "gate": [
          "successPercent": 95, "maxFailures": 3, "maxFailuresPercent": 2, "minReports": 10, "soak": "30m",
          "silentAfter": "3d", "approval": true,
        ],
      ]
    ),
  ]

  private static let refusedStages: [(line: String, why: String)] = [
    ("", "There is no stage"), ("canary", "write a name, a colon"), ("a: some", "says nobody"),
    ("a: 5.5%", "says nobody"), ("a: 5% at-once 5%", "not a share of them"),
    ("a: 5% reports 10%", "not a share of them"),
    ("a: 5% per-minute 5%", "not a share of them"), ("a: 5% success", "success needs a value"),
    ("a: 5% success many", "a whole number is needed"), ("a: 5% failures -1", "a whole number is needed"),
    ("a: 5% failures 1.5%", "a whole number is needed"), ("a: 5% toString 3", "is no rule"), ("a: 5% 3", "is no rule"),
    ("a: only", "only needs names"), ("a: label", "label needs one"), ("a: label ring", "written key=value"),
    ("a: label a=b=c", "written key=value"), ("a: 5% approval approval", "written twice"),
    ("a: 5% reports 1 reports 2", "written twice"),
  ]

  @Test func aStageIsReadAsItIsWrittenOrRefused() async throws {
    let lines = (Self.stages.map(\.line) + Self.refusedStages.map(\.line)).map { JSONValue.string($0) }
    let value = try await run(
      """
      const { parseStages, standardStages } = await load("stages.js", "fleet");
      const read = (text) => { try { return parseStages(text); } catch (error) { return error.message; } };
      return { read: \(JSONValue.array(lines).text).map(read), names: read(standardStages).map((stage) => stage.name),
        second: read("a: 5%\\n\\n b: nobody") };
      """, on: .fleet)
    let read = value["read"]?.array ?? []
    #expect(read.count == lines.count)
    for ((line, stage), found) in zip(Self.stages, read) { #expect(found == [stage], "\(line)") }
    for ((line, why), found) in zip(Self.refusedStages, read.dropFirst(Self.stages.count)) {
      #expect(found.string?.contains(why) == true, "\(line): \(found.text)")
    }
    #expect(value["names"] == ["canary", "half", "rest"])
    #expect(value["second"]?.string?.hasPrefix("Stage 2 (b: nobody)") == true)
  }

  /// However often it is asked for more, each page is shown once; what is not shown any more is not asked for.
  @Test func aListingShowsEachPageOnceAndAsksForNothingOnceItIsClosed() async throws {
    let value = try await run(
      """
      const { Listing } = await load("listing.js", "fleet");
      const calls = [];
      const answers = [];
      const api = { user: {}, get: (path) => new Promise((resolve) => { calls.push(path); answers.push(resolve); }) };
      const answer = async (value) => { answers.shift()(value); await new Promise((done) => setTimeout(done)); };
      const list = new Listing(api, () => {}, "items");
      list.at("/x", { q: "a" });
      list.at("/x", { q: "a" });
      await answer({ items: [1, 2], total: 4, continue: "t" });
      list.more();
      list.more();
      list.refresh();
      await answer({ items: [3, 4] });
      const twice = [...list.items];
      list.more();
      list.at("/x", { q: "b" });
      list.clear();
      await answer({ items: [9], total: 1 });
      const closed = [...list.items];
      list.refresh();
      list.more();
      list.at("/x", { q: "a" });
      await answer({ items: [1], total: 1 });
      return { calls, twice, closed, again: list.items, total: list.total, open: answers.length };
      """, on: .fleet)
    #expect(
      value["calls"] == ["/x?limit=50&q=a", "/x?limit=50&q=a&continue=t", "/x?limit=50&q=b", "/x?limit=50&q=a"],
      "\(value.text)")
    #expect(value["twice"] == [1, 2, 3, 4] && value["closed"] == [] && value["again"] == [1])
    #expect(value["total"] == 1 && value["open"] == 0)
  }

  /// Lists, watches on from there, takes bookmarks, lists again where the server has forgotten, waits after a failure, keeps a
  /// bounded number of objects, and ends with the session.
  @Test func aWatchMissesNothingAndEndsWithTheSession() async throws {
    let value = try await run(
      """
      const { ResourceWatch } = await load("resources.js");
      const { ApiError } = await load("api.js");
      const object = (name, resourceVersion) => ({ metadata: { name, namespace: "n", resourceVersion } });
      const stream = (events) => ({ body: new Blob([events.map((event) => JSON.stringify(event) + "\\n").join("")]).stream() });
      const calls = [];
      const answers = [
        { metadata: { resourceVersion: "10", continue: "more" }, items: [object("a", "1")] },
        { metadata: { resourceVersion: "10" }, items: [object("b", "2")] },
        stream([{ type: "MODIFIED", object: object("a", "11") }, { type: "BOOKMARK", object: { metadata: { resourceVersion: "20" } } }]),
        new ApiError(0, "gone"),
        stream([{ type: "DELETED", object: object("b", "21") }, { type: "ERROR", object: { code: 410, message: "too old" } }]),
        { metadata: { resourceVersion: "30" }, items: [object("a", "11")] },
        stream(["c", "d", "e", "f"].map((name, index) => ({ type: "ADDED", object: object(name, String(31 + index)) }))),
        stream([{ type: "ERROR", object: { code: 401, message: "over" } }]),
      ];
      const api = new (class extends EventTarget {
        async next(path) {
          const query = new URL(path, location.origin).searchParams;
          calls.push(query.has("watch") ? `watch ${query.get("resourceVersion")}` : `list ${query.get("continue") ?? ""}`.trim());
          const answer = answers.shift();
          if (answer instanceof Error) throw answer;
          return answer;
        }
        sessionEnded() { calls.push("session ended"); }
        get(path) { return this.next(path); }
        fetch(method, path) { return this.next(path); }
      })();
      const states = [];
      const watch = new ResourceWatch(api, "/x", { limit: 3, random: () => 0 });
      await new Promise((done) => {
        watch.addEventListener("change", () => {
          states.push(watch.state);
          if (watch.state === "ended") done();
        });
        watch.start();
      });
      return { calls, names: [...watch.items.keys()], isTruncated: watch.isTruncated, waited: states.includes("waiting"), left: answers.length };
      """)
    #expect(
      value["calls"] == [
        "list", "list more", "watch 10", "watch 20", "watch 20", "list", "watch 30", "watch 34", "session ended",
      ], "\(value.text)")
    #expect(value["names"] == ["n/d", "n/e", "n/f"] && value["isTruncated"] == true)
    #expect(value["waited"] == true && value["left"] == 0)
  }
}
