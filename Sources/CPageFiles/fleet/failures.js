// Failures of a release by their cause, with the customers behind each.

import { failure } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { Polling, wholeList } from "../shared/resources.js";
import { href } from "../shared/router.js";
import { table } from "../shared/table.js";
import { startJob } from "./jobs.js";
import { Listing } from "./listing.js";
import { mayChange } from "./roles.js";
import { blockedWords, count, customers, foreign } from "./words.js";

export function failuresView({ api, update }) {
  const behind = new Listing(api, update, "organizations");
  let [version, groups, releases] = [null, null, null];
  const path = () => `/api/internal/releases/${encodeURIComponent(version)}/failures`;
  const follow = (id) => {
    if (id === version) return;
    groups?.stop();
    version = id;
    groups = id ? new Polling(api, path, { interval: 10_000 }) : null;
    groups?.addEventListener("change", update);
    groups?.start();
  };
  const load = async () => {
    try { releases = (await wholeList(api, "/api/internal/releases", "releases")).items; } catch { releases = []; }
    update();
  };
  return {
    title: "Failures",
    start: load,
    stop() {
      follow(null);
      behind.clear();
    },
    show({ id, query }) {
      const known = [...(releases ?? [])].filter((one) => one.publishedAt).sort((left, right) => right.publishedAt.localeCompare(left.publishedAt));
      const chosen = id || known[0]?.version || null;
      follow(chosen);
      const value = groups?.value;
      if (!value || !query.group) behind.clear();
      const leadsTo = (group) => href("failures", { group: group.id }, value.release);
      return [
        el("h1", "Failures by cause"),
        el("div.filters", el("div.field", el("label", { for: "failures-release" }, "Release"), el("select", { id: "failures-release", value: chosen ?? "", on: { change: (event) => { location.hash = href("failures", {}, event.target.value); } } },
          known.map((one) => el("option", { value: one.version }, one.version))))),
        !chosen && (releases === null ? el("p.muted", { role: "status" }, "Looking…") : el("p.empty", "No release was published yet.")),
        groups?.problem && failure(groups.problem.message),
        value && [
          el("p.lead", { role: "status" }, value.failed === 0 ? `Nobody has failed with ${value.release}.`
            : [behindThem(value, "failed", customers(value.failed)), " of ", behindThem(value, "succeeded,failed", count(value.reported)), ` that reported failed with ${value.release}.`]),
          Object.entries(value.blocked).map(([reason, number]) => el("p", { key: reason }, badge("off", "Passed over"), " ",
            el("a", { href: href("fleet", { release: value.release, blocked: reason }) }, customers(number)), `: ${blockedWords[reason] ?? reason}`)),
          value.groups.length > 0 && table({
            label: "Causes, the most frequent first", rows: value.groups, key: (group) => group.id, selected: query.group ?? null, href: leadsTo,
            columns: [
              { label: "Customers", number: true, cell: (group) => el("a", { href: leadsTo(group) }, count(group.count)) },
              { label: "Cause", cell: (group) => el("strong.text", group.reason) },
              { label: "Of what", cell: (group) => foreign(group.component || "not known") },
              { label: "Message", cell: (group) => foreign(group.message) },
            ],
          }),
          value.groupsNotShown > 0 && el("p.note", `${count(value.groupsNotShown)} rarer causes are not listed, with ${customers(value.failed - value.groups.reduce((sum, group) => sum + group.count, 0))}. They are among `, behindThem(value, "failed", "all that failed"), "."),
          query.group && list(query.group, value),
        ],
      ];
    },
  };

  function behindThem(value, bucket, words) { return el("a", { href: href("fleet", { release: value.release, bucket }) }, words); }

  function list(id, value) {
    const group = value.groups.find((one) => one.id === id);
    behind.at(`${path()}/organizations`, { group: id });
    return el("section.stack", { key: "behind" },
      el("div.page-head", el("h2", group ? ["Customers behind ", foreign(group.reason)] : "Customers behind this cause"), el("a", { href: href("failures", {}, value.release) }, "Close the list")),
      mayChange(api) && behind.items.length > 0 && el("div.actions",
        el("button", { type: "button", on: { click: () => startJob(api, { action: "retry", release: value.release, organizations: behind.items.map((one) => one.organization).slice(0, 500) }, `Retry ${customers(Math.min(500, behind.items.length))} with ${value.release}?`) } }, `Retry these ${count(Math.min(500, behind.items.length))}`)),
      table({
        label: "Customers behind this cause", rows: behind.items, key: (one) => one.organization, href: (one) => href("fleet", {}, one.organization),
        empty: behind.isLoading ? "Looking…" : "Nobody, now.",
        columns: [
          { label: "Customer", cell: (one) => el("a", { href: href("fleet", {}, one.organization) }, one.organization) },
          { label: "Now", cell: (one) => (one.isRolledBack ? badge("bad", "Rolled back") : badge("bad", "Failed")) },
          { label: "Message", cell: (one) => foreign(one.message) },
        ],
      }),
      behind.foot());
  }
}
