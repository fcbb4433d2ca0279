// Settings: the non-essential ones with their history, and the licence.

import { ask, field } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { href } from "../shared/router.js";
import { Repeating, wholeList } from "../shared/resources.js";
import { Portion, table } from "../shared/table.js";
import { timeElement } from "../shared/time.js";
import { toast } from "../shared/toast.js";
import { facts } from "./pieces.js";
import { licenseStates, sentence, words } from "./words.js";

export function settingsView({ state, api, router, update }) {
  const tower = state.tower;
  let settings = null;
  let isTruncated = false;
  let problem = null;
  let opened = null;
  const portion = new Portion(update);
  const load = async () => {
    try {
      const all = await wholeList(api, "/api/admin/config", "settings");
      [settings, isTruncated, problem] = [all.items, all.isTruncated, null];
    } catch (error) {
      problem = error;
    }
    update();
  };
  const history = async (key) => {
    opened = { key, changes: null };
    const answer = await api.get(`/api/admin/config/${encodeURIComponent(key)}/history`, { unattended: true }).catch(() => ({ changes: [] }));
    if (opened?.key === key) opened.changes = answer.changes;
    update();
  };
  const edit = async (setting) => {
    const key = el("input", { value: setting?.key ?? "", required: true, maxlength: "256", spellcheck: "false", autocomplete: "off", readonly: Boolean(setting) });
    const value = el("textarea", { value: setting?.value ?? "", maxlength: "32768", spellcheck: "false" });
    const description = el("input", { value: setting?.description ?? "", maxlength: "1024" });
    const category = el("input", { value: setting?.category ?? "", maxlength: "64" });
    const saved = await ask({
      title: setting ? `Change ${setting.key}` : "Add a setting",
      body: [!setting && field("Name", key, "Letters, digits and underscores."), field("Value", value, "It takes effect with the next deployment. Secrets do not belong here."), field("What it is for (may be empty)", description), field("Kind, such as feature or logging (may be empty)", category)].filter(Boolean),
      action: "Save",
      submit: () => api.change("POST", "/api/admin/config", { key: key.value.trim(), value: value.value, description: description.value, category: category.value }, { etag: setting?.etag })
        .catch((error) => { throw error.status === 409 ? new Error("Somebody else has changed it meanwhile. Close this, look at it, and then decide.") : error; }),
    });
    if (saved) toast("good", `${saved.key} is saved. It takes effect with the next deployment.`);
    await load();
    if (opened) history(opened.key);
  };
  const remove = async (setting) => {
    const done = await ask({
      title: `Remove ${setting.key}?`, body: [el("p", "The next deployment goes without it. Its history stays.")], action: "Remove", kind: "danger",
      submit: () => api.change("DELETE", `/api/admin/config/${encodeURIComponent(setting.key)}`, undefined, { etag: setting.etag }),
    });
    if (done) toast("good", `${setting.key} is removed.`);
    load();
  };
  const again = new Repeating(api, load);
  return {
    title: "Settings",
    start() {
      opened = null;
      load();
      again.start();
    },
    stop() { again.stop(); },
    show({ id, query }) {
      const words = (query.search ?? "").toLowerCase();
      const shown = (settings ?? []).filter((one) => !words || `${one.key} ${one.value} ${one.description ?? ""} ${one.category ?? ""}`.toLowerCase().includes(words));
      if (id && opened?.key !== id) history(id);
      return [
        el("div.page-head", el("h1", "Settings"), tower.canOperate && el("button.primary", { type: "button", on: { click: () => edit(null) } }, "Add a setting")),
        el("p.muted", "Non-essential settings of the application. A release may bring new ones; what you have set stays."),
        el("div.filters", el("div.field", el("label", { for: "setting-search" }, "Search"), el("input", { id: "setting-search", type: "search", value: query.search ?? "", on: { input: (event) => router.set({ search: event.target.value }, { replace: true }) } }))),
        problem && el("p.problem", problem.message),
        settings && table({
          label: "Settings", rows: portion.of(shown), key: (one) => one.key, selected: id, href: (one) => href("settings", query, one.key === id ? "" : one.key),
          empty: settings.length === 0 ? "There are no settings yet. Releases bring them." : "No setting is as you ask.",
          columns: [
            { label: "Name", cell: (one) => [el("a", { href: href("settings", query, one.key === id ? "" : one.key) }, el("code", one.key)), one.category && el("div.muted.small", one.category)] },
            { label: "Value", cell: (one) => [el("code.text", one.value.length > 300 ? `${one.value.slice(0, 300)}…` : one.value), one.description && el("div.muted.small.text", one.description)] },
            { label: "Changed", cell: (one) => [timeElement(one.updatedAt), el("div.muted.small", one.updatedBy ? `by ${one.updatedBy}` : "by a release")] },
            tower.canOperate && { label: "Do", cell: (one) => el("div.actions",
              el("button.quiet", { type: "button", "aria-label": `Change ${one.key}`, on: { click: () => edit(one) } }, "Change"),
              el("button.quiet", { type: "button", "aria-label": `Remove ${one.key}`, on: { click: () => remove(one) } }, "Remove")) },
          ].filter(Boolean),
        }),
        settings && portion.foot(shown, isTruncated),
        id && opened?.key === id && el("section.card", { "aria-label": `History of ${id}` }, el("h2", "History of ", el("code", id)),
          opened.changes === null ? el("p.muted", "…") : opened.changes.length === 0 ? el("p.muted", "Nothing is kept of it.")
            : el("ol.plain.entries", opened.changes.map((change, index) => el("li", { key: `${change.at} ${index}` }, el("div.stack.tight",
              el("span", badge("info", { added: "Added", changed: "Changed", removed: "Removed" }[change.action] ?? change.action), " by ", el("strong.text", change.by), ", ", timeElement(change.at)),
              el("span", change.from !== null && [el("code.text", change.from), " → "], change.to !== null ? el("code.text", change.to) : "nothing")))))),
        license(tower),
      ];
    },
  };
}

function license(tower) {
  const known = tower.license.value;
  if (!known) return null;
  const [kind, word] = words(licenseStates, known.state);
  return el("section.card", { "aria-label": "Licence" }, el("div.row.between", el("h2", "Licence"), badge(known.valid === false ? "bad" : kind, word)),
    el("p.text", sentence(known.message)),
    facts([
      known.organization && ["Organization", known.organization], known.installation && ["This installation", el("code", known.installation)],
      known.expiresAt && ["Ends", timeElement(known.expiresAt)],
      known.lastRejection && ["Last refused", el("span.text", known.lastRejection.message, " "), timeElement(known.lastRejection.at)],
    ]),
    known.licenses?.length > 1 && el("ul.plain.entries", known.licenses.map((one, index) => el("li", { key: String(index) }, badge(one.isCurrent ? "good" : "off", one.isCurrent ? "Counts" : one.state), el("span.text", `${one.source}: ${one.message}`)))),
    tower.isAdmin && el("div.actions", el("button", { type: "button", on: { click: () => install(tower) } }, "Set another licence")));
}

async function install(tower) {
  const token = el("textarea", { required: true, spellcheck: "false", autocomplete: "off" });
  const done = await ask({
    title: "Set another licence",
    body: [el("p", "Paste what the vendor sent. It is verified here, without asking anybody, and refused where it is not for you."), field("Licence", token)],
    action: "Verify and set",
    submit: () => tower.api.change("PUT", "/api/admin/license", { license: token.value.trim() }, { recent: true }),
  });
  if (done) toast("good", "The licence is set.");
  tower.refresh();
}
