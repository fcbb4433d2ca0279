// Who did what: published, started, halted, approved, made keys, signed in.

import { el } from "../shared/dom.js";
import { href } from "../shared/router.js";
import { table } from "../shared/table.js";
import { timeElement } from "../shared/time.js";
import { Listing } from "./listing.js";
import { foreign } from "./words.js";

export function auditView({ api, router, update }) {
  const entries = new Listing(api, update, "entries");
  return {
    title: "Audit",
    stop() { entries.clear(); },
    show({ query }) {
      entries.at("/api/admin/audit", { order: "newest", actor: query.actor, action: query.action });
      const text = (name, label, hint) => el("div.field", el("label", { for: `audit-${name}` }, label),
        el("input", { id: `audit-${name}`, value: query[name] ?? "", spellcheck: "false", placeholder: hint, on: { change: (event) => router.set({ [name]: event.target.value.trim() }) } }));
      return [
        el("div.page-head", el("h1", "Audit"), el("a", { href: "/api/admin/audit/export", download: "audit.jsonl" }, "Download all of it")),
        el("div.filters", text("actor", "Who", "a mail address, or a token's name"), text("action", "What", "such as RolloutHalted")),
        !entries.problem && table({
          label: "What was done, the newest first", rows: entries.items, key: (entry) => String(entry.sequence),
          empty: entries.isLoading ? "Looking…" : "Nothing is as you ask.",
          columns: [
            { label: "When", cell: (entry) => timeElement(entry.at) },
            { label: "Who", cell: (entry) => el("a", { href: href("audit", { actor: entry.actor }) }, foreign(entry.actor || "somebody unknown")) },
            { label: "What", cell: (entry) => foreign(entry.action) },
            { label: "To what", cell: (entry) => foreign(entry.object) },
            { label: "Details", cell: (entry) => el("code.text", JSON.stringify(entry.detail)) },
          ],
        }),
        entries.foot(),
      ];
    },
  };
}
