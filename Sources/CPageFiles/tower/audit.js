// Audit: who did what, when and from where, as a chain that shows what is missing.

import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { Repeating, address } from "../shared/resources.js";
import { moments, timeElement, zone } from "../shared/time.js";
import { table } from "../shared/table.js";
import { facts, more } from "./pieces.js";
import { href } from "../shared/router.js";
import { version } from "./words.js";

const longest = 2000;
const pageLength = 100;

export function auditView({ api, router, update }) {
  let entries = null;
  let head = null;
  let token = null;
  let asked = null;
  let problem = null;
  const query = (filters) => ({ actor: filters.actor, action: filters.action, from: day(filters.from, 0), to: day(filters.to, 1) });
  const load = async (filters, isMore) => {
    const key = JSON.stringify(query(filters));
    asked = key;
    try {
      const page = await api.get(address("/api/admin/audit", { ...query(filters), order: "newest", limit: pageLength, continue: isMore ? token : null }), { unattended: !isMore });
      if (asked !== key) return;
      entries = [...(isMore ? entries : []), ...page.entries].slice(-longest);
      [head, token, problem] = [page.head, entries.length < longest ? page.continue ?? null : null, null];
    } catch (error) {
      problem = error;
    }
    update();
  };
  let shown = {};
  // Who has read further than the first page is not taken back.
  const again = new Repeating(api, () => { if (entries !== null && entries.length <= pageLength) load(shown, false); });
  return {
    title: "Audit",
    start() {
      asked = null;
      again.start();
    },
    stop() { again.stop(); },
    show({ id, query: filters }) {
      shown = filters;
      if (asked !== JSON.stringify(query(filters))) load(filters, false);
      const selected = entries?.find((entry) => String(entry.sequence) === id);
      return [
        el("div.page-head", el("h1", "Audit"), el("a.button", { href: address("/api/admin/audit/export", query(filters)), download: "audit.jsonl" }, icon("download"), "Export")),
        el("p.muted", "Each entry carries the digest of the one before it, so that what was removed or changed shows. Verify an export with ", el("code", "wrktalkctl audit verify"), "."),
        el("div.filters", input("actor", "Who", filters), input("action", "What", filters, "such as DeploymentScheduled"), input("from", "From", filters, "", "date"), input("to", "To", filters, "", "date")),
        problem && el("p.problem", problem.message),
        entries && table({
          label: "Entries, the newest first", rows: entries, key: (entry) => String(entry.sequence), selected: id,
          href: (entry) => href("audit", filters, String(entry.sequence) === id ? "" : String(entry.sequence)), empty: "No entry is as you ask.",
          columns: [
            { label: "When", cell: (entry) => timeElement(entry.at) },
            { label: "Who", cell: (entry) => [el("span.text", entry.actor || "nobody who is known"), entry.address && el("div.muted.small", entry.address)] },
            { label: "What", cell: (entry) => el("a", { href: href("audit", filters, String(entry.sequence) === id ? "" : String(entry.sequence)) }, entry.action) },
            { label: "Of what", cell: (entry) => (entry.detail?.version ? [el("span.text", version(entry.detail.version)), el("div.muted.small.text", entry.object)] : el("span.text", entry.object)) },
          ],
        }),
        more(token, () => load(filters, true)),
        selected && el("section.card", { "aria-label": "Entry" }, el("h2", `${selected.action}, entry ${selected.sequence}`),
          facts([["When", timeElement(selected.at)], ["Who", `${selected.actor}${selected.roles ? ` (${selected.roles})` : ""}`], ["From", selected.address || "this machine"], ["Digest", el("code", selected.digest)], ["Of the entry before", el("code", selected.previous)]]),
          el("pre", { tabindex: "0", "aria-label": "Detail" }, JSON.stringify(selected.detail, null, 2))),
        head && el("p.hint", badge("info", `${head.sequence} entries`), " The last digest is ", el("code", head.digest)),
      ];
    },
  };

  function input(name, label, filters, placeholder = "", type = "text") {
    return el("div.field", el("label", { for: `audit-${name}` }, label), el("input", { id: `audit-${name}`, type, value: filters[name] ?? "", placeholder, autocomplete: "off", spellcheck: "false", on: { change: (event) => router.set({ [name]: event.target.value.trim() }) } }));
  }
}

/** The beginning of a day by the clocks of the chosen zone, or of the day after it. */
function day(text, after) {
  if (!/^\d{4}-\d\d-\d\d$/.test(text ?? "")) return null;
  const date = new Date(`${text}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + after);
  const iso = date.toISOString().slice(0, 10);
  return (moments(`${iso}T00:00`, zone.name)[0] ?? date).toISOString();
}
