import TestSupport
import Testing
import WireFormats

/// Views over an API that a test answers for: what they show before, after and without an answer.
extension PageModuleTests {
  /// What a release brings is called new only once it is known what is here.
  @Test func anOfferCallsNoSettingNewBeforeItKnows() async throws {
    let value = try await run(
      """
      const { offersView } = await load("offers.js", "tower");
      const { el, render } = await load("dom.js");
      const [asked, answers, updates] = [[], [], []];
      const api = { get: (path) => new Promise((resolve) => { asked.push(path); answers.push(resolve); }) };
      const offer = { id: "1", version: "2.0.0", status: "pending", receivedAt: "2026-01-01T00:00:00Z", chartDownloaded: true, imageTags: {},
        newNonEssentialEnvs: [{ key: "A", value: "1" }, { key: "B", value: "2" }, { key: "C", value: "3" }] };
      const returned = { ...offer, id: "2", status: "failed", failureReason: "RolledBack", errorMessage: "Rolled back to 1.0.0 by ada" };
      const crashed = { ...offer, id: "3", status: "failed", failureReason: "WorkloadCrashed", errorMessage: "no" };
      const tower = { api, isLoaded: true, scheduled: [], offers: [offer, returned, crashed], active: null, canOperate: true, deployment: null };
      const view = offersView({ state: { tower }, router: {}, update: () => updates.push(1) });
      const read = (selector, index = 0) => { const place = el("div"); render(place, view.show({ id: "", query: {} })); return [...place.querySelectorAll("article")][index].querySelector(selector).textContent; };
      const turn = () => new Promise((done) => setTimeout(done));
      view.start();
      const before = read("[aria-label=Settings]");
      answers.shift()({ settings: [{ key: "A", value: "0" }], continue: "A" });
      await turn();
      answers.shift()({ settings: [{ key: "B", value: "9" }] });
      await turn();
      return { before, after: read("[aria-label=Settings]"), updates: updates.length, asked,
        badges: [1, 2].map((index) => read(".badge.bad, .badge.info", index)), words: read(".badge.bad + .text", 2) };
      """)
    #expect(value["before"]?.string?.contains("new, with") == false, "\(value.text)")
    #expect(
      value["after"] == "Ais here already and stays 0Bis here already and stays 9Cnew, with the value 3",
      "\(value.text)")
    #expect(value["updates"] == 1 && value["asked"]?.array?.count == 2)
    #expect(value["words"] == "A service crashes again and again")
  }

  /// What a release that was scheduled already is refused with is not the advice to cancel another one.
  @Test func aRefusalNamesTheStepThatHelps() async throws {
    let value = try await run(
      """
      const { plain } = await load("actions.js", "tower");
      const refusal = (message, status = 409) => Object.assign(new Error(message), { status });
      return [plain(refusal("Deployment already in progress"), { status: "scheduled" }), plain(refusal("Deployment already in progress"), { status: "pending" }),
        plain(refusal("another"), { status: "scheduled" }), plain(refusal("not so", 422), { status: "scheduled" })].map((error) => error.message);
      """)
    let words = value.array ?? []
    #expect(words.count == 4)
    #expect(words[0].string?.contains("It has begun meanwhile") == true && words[0].string?.contains("Cancel") == false)
    #expect(words[1].string?.contains("Cancel it first") == true)
    #expect(words[2] == "another" && words[3] == "not so")
  }

  /// A freeze of some hours leaves the day's window to be seen; what goes by other clocks than the calendar's says by which.
  @Test func aCalendarShowsWindowsBesideShortFreezes() async throws {
    let value = try await run(
      """
      const { scheduleView } = await load("schedule.js", "tower");
      const { el, render } = await load("dom.js");
      const calendar = {
        windows: [{ days: ["Sat", "Sun"], from: "02:00", to: "05:00", timeZone: "Europe/Berlin" }, { days: ["Sun"], from: "10:00", to: "11:00", timeZone: "Asia/Tokyo" }],
        freezes: [{ from: "2027-03-27T18:00", to: "2027-03-28T01:00", timeZone: "Europe/Berlin", reason: "Fair" }, { from: "2027-03-21", to: "2027-03-21", timeZone: "Europe/Berlin", reason: "Inventory" }],
      };
      const api = new (class extends EventTarget { async getTagged() { return { value: calendar, etag: "t" }; } })();
      const tower = { openings: { value: null }, policy: { value: null }, active: null, canOperate: true };
      const view = scheduleView({ state: { tower }, router: {}, api, update() {} });
      view.start();
      await new Promise((done) => setTimeout(done, 10));
      const place = el("div");
      render(place, view.show({ id: "", query: { month: "2027-03" } }));
      view.stop();
      const cell = (day) => [...place.querySelectorAll("td")].find((one) => one.querySelector(".day")?.textContent === String(day)).textContent;
      return [20, 21, 27, 28].map(cell);
      """)
    #expect(
      value == [
        "2002:00 to 05:00", "21Freeze: Inventory", "27Freeze from 18:00: Fair02:00 to 05:00",
        "28Freeze to 01:00: Fair02:00 to 05:0010:00 to 11:00 Asia/TokyoClocks forward 60 min",
      ], "\(value.text)")
  }

  /// A list is read to its end, or says that there is more.
  @Test func noListEndsWithoutAWord() async throws {
    let value = try await run(
      """
      const { wholeList } = await load("resources.js");
      const { Portion } = await load("table.js");
      const { liveView } = await load("live.js", "tower");
      const pages = (count) => { const asked = []; return { asked, get: async (path) => { asked.push(path);
        const after = Number(new URL(path, location.origin).searchParams.get("continue") ?? 0);
        return { items: [after + 1, after + 2], ...(after + 2 < count ? { continue: String(after + 2) } : {}) }; } }; };
      const [short, long] = [pages(4), pages(100)];
      const [all, some] = [await wholeList(short, "/x", "items", { size: 2 }), await wholeList(long, "/x", "items", { size: 2, limit: 6 })];
      const portion = new Portion(() => {}, 3);
      const rows = [...Array(7).keys()];
      const foot = () => portion.foot(rows)?.textContent ?? null;
      const foots = [foot()];
      portion.foot(rows).querySelector("button").click();
      foots.push(foot(), portion.of(rows).length);
      portion.foot(rows).querySelector("button").click();
      foots.push(foot(), portion.foot(rows, true).textContent);
      const events = [];
      const api = new (class extends EventTarget { get(path) { events.push(path); return new Promise(() => {}); } })();
      const tower = { isLoaded: true, deployment: { metadata: { name: "wrktalk" } }, record: {}, status: { value: { agent: {} } }, policy: {}, license: {}, openings: {}, offers: [], history: [], scheduled: [],
        decidable: [], services: [], condition: () => null };
      const view = liveView({ state: { tower }, api, update() {} });
      view.start();
      view.show();
      view.show();
      view.stop();
      return { all, asked: short.asked, some: some.items.length, isTruncated: some.isTruncated, foots, events };
      """)
    #expect(value["all"] == ["items": [1, 2, 3, 4], "isTruncated": false], "\(value.text)")
    #expect(value["asked"] == ["/x?limit=2", "/x?limit=2&continue=2"])
    #expect(value["some"] == 6 && value["isTruncated"] == true)
    #expect(
      value["foots"] == ["3 of 7 shownShow more", "6 of 7 shownShow more", 6, nil, "7 of more than 7 shown"],
      "\(value["foots"] ?? .null)")
    // Those of the record, which the server finds by an index, and as many as it keeps.
    #expect(value["events"] == ["/api/v1/events?fieldSelector=involvedObject.name%3Dwrktalk&limit=500"])
  }

  /// Every number of a threshold leads to those that it counts.
  @Test func theNumbersOfAThresholdLeadToTheirCustomers() async throws {
    let value = try await run(
      """
      const { thresholds } = await load("bar.js", "fleet");
      const numbers = { state: "met", numerator: 3, denominator: 10, limit: 5 };
      const shown = thresholds({ name: "s", thresholds: ["offered", "reports", "successes", "failures", "failurePercent", "approval"].map((kind) => ({ kind, ...numbers })) },
        (states) => `#/x?state=${states}`);
      return [...shown.querySelectorAll("li")].map((one) => [one.querySelector(".measure").textContent, ...[...one.querySelectorAll("a")].map((link) => `${link.textContent} ${link.hash.replace("#/x?state=", "")}`)]);
      """, on: .fleet)
    let all = value.array?.map { $0.array ?? [] } ?? []
    #expect(all.count == 6)
    #expect(all[1][1] == "3 succeeded,failed,rolledBack", "\(value.text)")
    #expect(all[2].dropFirst() == ["3 succeeded", "10 succeeded,failed,rolledBack"])
    #expect(all[3][0] == "3 of 10 members; more than 5 halt the rollout")
    #expect(all[3][1] == "3 failed,rolledBack" && all[4][1] == "3 failed,rolledBack")
    #expect(all[0].count == 3 && all[5].count == 1)
  }

  /// What somebody else changes is seen without reloading, and nothing is asked for by a view that is left.
  @Test func settingsPeopleAndTheAuditAreReadAgainWhileTheyAreShown() async throws {
    let value = try await run(
      """
      const views = await Promise.all(["settings", "people", "audit"].map((name) => load(`${name}.js`, "tower")));
      const makers = [views[0].settingsView, views[1].peopleView, views[2].auditView];
      const ticks = new Map();
      let last = 0;
      const [set, clear] = [window.setInterval, window.clearInterval];
      window.setInterval = (act) => { ticks.set(++last, act); return last; };
      window.clearInterval = (timer) => ticks.delete(timer);
      const counts = [];
      for (const make of makers) {
        const asked = [];
        const api = { user: {}, hasRole: () => true, get: async (path) => { asked.push(path); return { settings: [], accounts: [], tokens: [], recipients: [], entries: [], head: { sequence: 1, digest: "" } }; } };
        const view = make({ state: { tower: { license: {}, status: {} } }, api, router: {}, update() {} });
        const turn = async () => { for (let at = 0; at < 8; at += 1) await new Promise((done) => setTimeout(done)); };
        view.start();
        view.show({ id: "", query: {} });
        await turn();
        const first = asked.length;
        for (const act of ticks.values()) act();
        await turn();
        const second = asked.length;
        api.user = null;
        for (const act of ticks.values()) act();
        await turn();
        const third = asked.length;
        view.stop();
        counts.push([first > 0, second === 2 * first, third === second, ticks.size]);
      }
      Object.assign(window, { setInterval: set, clearInterval: clear });
      return counts;
      """)
    #expect(value == .array(Array(repeating: [true, true, true, 0], count: 3)), "\(value.text)")
  }

  /// Versions over time are numbers, too; how many days of them are shown stands in the address; who is passed over is apart by reason.
  @Test func theFleetsPicturesAreNumbersThatLeadSomewhere() async throws {
    let value = try await run(
      """
      const { fleetView } = await load("fleet.js", "fleet");
      const { failuresView } = await load("failures.js", "fleet");
      const { el, render } = await load("dom.js");
      const at = (hour) => `2026-01-01T0${hour}:00:00Z`;
      const versions = (...numbers) => numbers.map((organizations, index) => ({ version: `2.${index}.0`, organizations }));
      const answers = {
        summary: { organizations: 20, health: { Online: 20 }, behind: { releases: [{ behind: 0, organizations: 20 }], unknown: 0 }, escalations: { open: 0 } },
        versions: { snapshots: [{ at: at(1), organizations: 20, versions: versions(9, 1, 1, 1, 1, 1, 1, 5) }, { at: at(2), organizations: 20, versions: versions(2, 8, 1, 1, 1, 1, 1, 5) }] },
        organizations: { organizations: [], total: 0 }, jobs: { jobs: [{ id: "1", state: "Completed", action: "label", total: 1, done: 1, changed: 1, createdBy: "ann", createdAt: at(1), parameters: { labels: { a: "b" } }, filter: { q: "acme" } }] },
        releases: { releases: [{ version: "2.0.0", publishedAt: at(1) }] },
        failures: { release: "2.0.0", reported: 5, failed: 2, blocked: { LicenseExpired: 3 }, groups: [], groupsNotShown: 0 },
      };
      const asked = [];
      const api = new (class extends EventTarget { user = {}; hasRole() { return true; } async get(path) { asked.push(path); return answers[path.split("?")[0].split("/").at(-1)]; } })();
      const moves = [];
      const draw = async (make, route) => {
        const place = el("div");
        const view = make({ api, router: { set: (changes) => moves.push(changes) }, update: () => {} });
        view.start(route);
        for (let at = 0; at < 8; at += 1) { render(place, view.show(route)); await new Promise((done) => setTimeout(done, 5)); }
        view.stop();
        return place;
      };
      const fleet = await draw(fleetView, { id: "", query: { days: "30" } });
      const select = fleet.querySelector("#spread-days");
      select.value = "90";
      select.dispatchEvent(new Event("change"));
      const failures = await draw(failuresView, { id: "2.0.0", query: {} });
      const from = Date.now() - Date.parse(new URL(asked.find((path) => path.includes("/versions")), location.origin).searchParams.get("from"));
      const hrefs = (place, selector) => [...place.querySelectorAll(selector)].map((link) => `${link.textContent} ${decodeURIComponent(link.hash)}`);
      return { rows: [...fleet.querySelectorAll("details details tbody tr")].map((row) => [...row.querySelectorAll("td.number")].map((cell) => cell.textContent).join()),
        legend: fleet.querySelector(".legend li:last-child").textContent, days: Math.round(from / 86_400_000), moves, list: asked.find((path) => path.includes("/organizations")),
        jobs: hrefs(fleet, "details.card .row a"), failures: hrefs(failures, "p a") };
      """, on: .fleet)
    #expect(value["rows"] == ["2,5,8,1,1,1,2", "9,5,1,1,1,1,2"], "\(value.text)")
    #expect(value["legend"] == "other versions 2" && value["days"] == 30 && value["moves"] == [["days": "90"]])
    #expect(value["list"] == "/api/internal/fleet/organizations?limit=50")
    #expect(value["jobs"] == ["Who is meant by it now #/fleet?q=acme"])
    #expect(
      value["failures"] == [
        "2 customers #/fleet?release=2.0.0&bucket=failed", "5 #/fleet?release=2.0.0&bucket=succeeded,failed",
        "3 customers #/fleet?release=2.0.0&blocked=LicenseExpired",
      ], "\(value["failures"] ?? .null)")
  }
}
