// Fleet: every customer, searched by the server; how they fare, how far they are behind, and what they run over time.

import { ask, failure, field } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { Polling } from "../shared/resources.js";
import { href } from "../shared/router.js";
import { table } from "../shared/table.js";
import { absolute, timeElement } from "../shared/time.js";
import { stateTitle } from "./bar.js";
import { Customer } from "./customer.js";
import { Jobs, startJob } from "./jobs.js";
import { Listing } from "./listing.js";
import { mayChange } from "./roles.js";
import { behindWords, blockedWords, count, customers, escalationTypes, foreign, healthBadge, healths, stateBadge } from "./words.js";

const path = "/api/internal/fleet";
/** Of how many days the spread of versions is shown. */
const spans = [1, 7, 30, 90, 365];
/** What an address may ask for without a field of its own, in words. */
const unseen = {
  behindExactly: (text) => (text === "unknown" ? "how far behind is not known" : behindWords(Number(text))),
  hasVersion: (text) => (text === "true" ? "its version is known" : "its version is not known"),
  deploymentType: (text) => `runs on ${text}`,
  release: (text) => `release ${text}`,
  bucket: (text) => stateTitle(text),
  blocked: (text) => `passed over, since ${blockedWords[text] ?? text}`,
};

export function fleetView({ api, router, update }) {
  const summary = new Polling(api, () => `${path}/summary`, { interval: 15_000 });
  const found = new Listing(api, update, "organizations");
  let states = "";
  const jobs = new Jobs(api, () => {
    // What a job has changed is seen once it is over.
    const now = (jobs.polling.value?.jobs ?? []).map((job) => `${job.id} ${job.state}`).join();
    if (now !== states) found.refresh();
    states = now;
    update();
  });
  const customer = new Customer(api, update);
  let spread = null;
  let days = null;
  summary.addEventListener("change", update);
  /** What is asked for while all customers are shown. */
  let isFollowing = false;
  const follow = () => {
    if (isFollowing) return;
    isFollowing = true;
    summary.start();
    jobs.start();
  };
  const leave = () => {
    isFollowing = false;
    summary.stop();
    jobs.stop();
    found.clear();
  };
  const load = async (number) => {
    days = number;
    const from = new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+Z/, "Z");
    let found;
    try { found = await api.get(`${path}/versions?from=${from}`, { unattended: true }); } catch { found = { snapshots: [] }; }
    if (days !== number) return;
    spread = found;
    update();
  };
  return {
    title: "Fleet",
    start() { days = null; },
    stop() {
      leave();
      customer.leave();
    },
    show({ id, query }) {
      if (id) {
        leave();
        return customer.show(id);
      }
      customer.leave();
      follow();
      const wanted = spans.includes(Number(query.days)) ? Number(query.days) : 7;
      if (wanted !== days) load(wanted);
      // Names that are no filters too: the server refuses them, where without them everybody would be meant.
      const filter = Object.fromEntries(Object.entries(query).filter(([name, text]) => text && !["sort", "days"].includes(name)));
      found.at(`${path}/organizations`, { ...filter, sort: query.sort });
      return [
        el("h1", "Fleet"),
        summary.problem && failure(summary.problem.message),
        summary.value && numbers(summary.value),
        spread && overTime(spread),
        jobs.show(mayChange(api)),
        el("section.stack",
          el("div.page-head", el("h2", Object.keys(filter).length === 0 ? "All customers" : "Customers as you ask", found.total !== null && ` (${count(found.total)})`),
            Object.keys(filter).length > 0 && el("a", { href: href("fleet") }, "Show everybody")),
          asking(query),
          also(query),
          mayChange(api) && found.total > 0 && bulk(filter),
          list(),
          found.foot()),
      ];
    },
  };

  function numbers(value) {
    const link = (query, number, words) => el("li", el("a", { href: href("fleet", query) }, words), " ", el("strong", count(number)));
    return el("div.grid",
      el("section.card", { "aria-label": "Health" }, el("h2", "Health"), el("p.figure", el("a", { href: href("fleet") }, customers(value.organizations))),
        el("ul.numbers", Object.keys(healths).filter((name) => value.health[name]).map((name) => link({ health: name }, value.health[name], healthBadge(name))))),
      el("section.card", { "aria-label": "Versions behind" }, el("h2", "How far behind"),
        el("ul.numbers", value.behind.releases.filter((one) => one.behind < 6).map((one) => link({ behindExactly: one.behind }, one.organizations, behindWords(one.behind))),
          value.behind.releases.some((one) => one.behind >= 6) && link({ behind: 6 }, value.behind.releases.filter((one) => one.behind >= 6).reduce((sum, one) => sum + one.organizations, 0), "6 releases behind and more"),
          value.behind.unknown > 0 && link({ behindExactly: "unknown" }, value.behind.unknown, "not known"))),
      el("section.card", { "aria-label": "To look after" }, el("h2", "To look after"),
        value.escalations.open === 0 ? el("p", badge("good", "No open escalation"))
          : el("ul.numbers", Object.entries(value.escalations.organizationsByType).map(([type, number]) => el("li", el("a", { href: href("fleet", { escalation: type }) }, escalationTypes[type] ?? type), " ", el("strong", customers(number))))),
        el("p", el("a", { href: href("fleet", { stuckFor: "24h", sort: "lastSeen" }) }, "An offer is open for longer than a day")),
        el("p", el("a", { href: href("fleet", { notSeenFor: "7d", sort: "lastSeen" }) }, "Not seen for a week"))));
  }

  /** One column a moment; the versions that most ran have a pattern each, and a name. */
  function overTime({ snapshots }) {
    const totals = new Map();
    for (const snapshot of snapshots) for (const one of snapshot.versions) totals.set(one.version, (totals.get(one.version) ?? 0) + one.organizations);
    const top = [...totals].sort((left, right) => right[1] - left[1]).slice(0, 6).map(([version]) => version);
    const step = Math.max(1, Math.ceil(snapshots.length / 60));
    const shown = snapshots.filter((_, index) => (snapshots.length - 1 - index) % step === 0);
    const last = snapshots.at(-1);
    const ran = (snapshot, version) => snapshot.versions.find((one) => one.version === version)?.organizations ?? 0;
    const others = (snapshot) => Math.max(0, snapshot.organizations - top.reduce((sum, version) => sum + ran(snapshot, version), 0));
    return el("details.card", { key: "spread" }, el("summary", "Versions over time"),
      el("div.field", el("label", { for: "spread-days" }, "Of the last"), el("select", { id: "spread-days", value: String(days), on: { change: (event) => router.set({ days: event.target.value }) } },
        spans.map((number) => el("option", { value: String(number) }, number === 1 ? "day" : `${number} days`)))),
      shown.length < 2 ? el("p.muted", "There is one look an hour; a picture needs two.") : [
        el("div.spread", { role: "img", "aria-label": `How many customers ran which version from ${absolute(shown[0].at)} to ${absolute(last.at)}` },
          shown.map((snapshot) => el("div.moment", { title: absolute(snapshot.at) }, [...top.map((version, index) => {
            const number = ran(snapshot, version);
            return number > 0 && el("span", { class: `v${index}`, css: { "--share": String(number) } });
          }), el("span.others", { css: { "--share": String(others(snapshot)) } })]))),
        el("p.muted.small", "The numbers are those of ", timeElement(last.at), "; each leads to who runs it now."),
        el("ul.legend", top.map((version, index) => el("li", el("a", { href: href("fleet", version ? { version } : { hasVersion: "false" }) },
          el("span.swatch", { class: `v${index}`, "aria-hidden": "true" }), foreign(version || "not known"), " ",
          el("strong", count(ran(last, version)))))),
          others(last) > 0 && el("li", el("span.swatch.others", { "aria-hidden": "true" }), "other versions ", el("strong", count(others(last))))),
        el("details", { key: "numbers" }, el("summary", "The picture in numbers"), table({
          label: "How many customers ran which version", rows: [...shown].reverse(), key: (snapshot) => snapshot.at,
          columns: [
            { label: "When", cell: (snapshot) => timeElement(snapshot.at, { form: "absolute" }) },
            ...top.map((version) => ({ label: version || "not known", number: true, cell: (snapshot) => count(ran(snapshot, version)) })),
            { label: "Others", number: true, cell: (snapshot) => count(others(snapshot)) },
          ],
        })),
      ]);
  }

  function asking(query) {
    const set = (changes) => router.set(changes);
    const text = (name, label, hint) => el("div.field", el("label", { for: `fleet-${name}` }, label),
      el("input", { id: `fleet-${name}`, value: query[name] ?? "", spellcheck: "false", autocomplete: "off", placeholder: hint, on: { change: (event) => set({ [name]: event.target.value.trim() }) } }));
    const choice = (name, label, options) => el("div.field", el("label", { for: `fleet-${name}` }, label),
      el("select", { id: `fleet-${name}`, value: query[name] ?? "", on: { change: (event) => set({ [name]: event.target.value }) } },
        [["", "Whichever"], ...options].map(([value, words]) => el("option", { value }, words))));
    return el("form.filters", { role: "search", "aria-label": "Search customers", on: { submit: (event) => event.preventDefault() } },
      text("q", "Name", "part of a name"), text("version", "Version", "such as 2.3.0"),
      choice("health", "Health", Object.entries(healths).map(([name, health]) => [name, health.label ?? name])),
      text("behind", "Releases behind, at least", "such as 2"), text("notSeenFor", "Not seen for", "such as 7d"),
      text("stuckFor", "Offer open for longer than", "such as 24h"), text("label", "Label", "such as ring=canary"),
      choice("escalation", "Escalation", Object.entries(escalationTypes)),
      choice("sort", "Sorted by", [["lastSeen", "Last seen, oldest first"], ["-lastSeen", "Last seen, newest first"], ["-behind", "Furthest behind"], ["since", "Version unchanged for longest"], ["-name", "Name, from the end"]]));
  }

  function also(query) {
    const words = Object.entries(unseen).filter(([name]) => query[name]).map(([name, text]) => text(query[name]));
    return words.length > 0 && el("p.muted", `Asked for besides: ${words.join("; ")}.`);
  }

  function bulk(filter) {
    const total = () => customers(found.total);
    return el("div.actions",
      el("button", { type: "button", on: { click: label } }, "Label them"),
      el("button", { type: "button", on: { click: resolve } }, "Resolve their escalations"),
      el("button", { type: "button", on: { click: retry } }, "Retry what failed there"));

    async function label() {
      const key = el("input", { required: true, placeholder: "ring", spellcheck: "false" });
      const value = el("input", { placeholder: "canary", spellcheck: "false" });
      const asked = await ask({ title: `Label ${total()}`, action: "Go on", body: [field("Label", key), field("Value", value, "Nothing here takes the label away.")], submit: async () => ({ [key.value.trim()]: value.value.trim() || null }) });
      if (asked) await startJob(api, { action: "label", filter, labels: asked }, "Label them?");
      jobs.refresh();
    }
    async function resolve() {
      const text = el("textarea", { required: true });
      const asked = await ask({ title: `Resolve the open escalations of ${total()}`, action: "Go on", body: field("What was done", text), submit: async () => text.value.trim() });
      if (asked) {
        const type = filter.escalation && filter.escalation !== "any" ? { type: filter.escalation } : {};
        await startJob(api, { action: "resolveEscalations", filter, resolution: asked, ...type }, "Resolve them?");
      }
      jobs.refresh();
    }
    async function retry() {
      const release = el("input", { required: true, value: filter.release ?? "", placeholder: "such as 2.3.0", spellcheck: "false" });
      const asked = await ask({ title: `Retry what failed at ${total()}`, action: "Go on", body: field("Release", release, "Only those of them where it failed are offered it again."), submit: async () => release.value.trim() });
      if (asked) await startJob(api, { action: "retry", release: asked, filter: { ...filter, release: asked, bucket: "failed" } }, `Retry ${asked} there?`);
      jobs.refresh();
    }
  }

  function list() {
    return table({
      label: "Customers", rows: found.items, key: (one) => one.name, href: (one) => href("fleet", {}, one.name),
      empty: found.isLoading ? "Looking…" : found.problem ? "What you ask for cannot be looked up." : "No customer is as you ask.",
      columns: [
        { label: "Customer", cell: (one) => el("a", { href: href("fleet", {}, one.name) }, one.name) },
        { label: "Health", cell: (one) => healthBadge(one.health) },
        { label: "Last seen", cell: (one) => (one.lastSeen ? timeElement(one.lastSeen, { form: "relative" }) : "never") },
        { label: "Version", cell: (one) => foreign(one.version ?? "not known") },
        { label: "Behind", cell: (one) => behindWords(one.behind) },
        { label: "Open", cell: (one) => [one.open && [stateBadge(one.open.state), " ", foreign(one.open.release)], one.escalations && el("div", badge("warn", `${one.escalations} to look after`))] },
        { label: "Labels", cell: (one) => foreign(Object.entries(one.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(", ")) },
      ],
    });
  }
}
