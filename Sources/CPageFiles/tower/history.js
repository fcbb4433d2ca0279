// History: every attempt that there was, with its reasons and its log, and the way back to what ran before.

import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { href } from "../shared/router.js";
import { table } from "../shared/table.js";
import { span, timeElement } from "../shared/time.js";
import { attempt } from "../shared/toast.js";
import { rollBack } from "./actions.js";
import { checks, facts, more } from "./pieces.js";
import { historyStates, reason, taskState, version, words } from "./words.js";

const longest = 1000;

export function historyView({ state, api, update }) {
  const tower = state.tower;
  let older = [];
  let token = null;
  let opened = null;
  let isLoading = false;
  const load = async () => {
    if (isLoading) return;
    isLoading = true;
    await attempt(loadOlder);
    isLoading = false;
  };
  const loadOlder = async () => {
    const page = await api.get(`/api/admin/deployment/releases?status=history&limit=50&continue=${encodeURIComponent(token)}`);
    older = [...older, ...page.history].slice(0, longest);
    token = older.length < longest ? page.continue ?? null : null;
    update();
  };
  const open = async (id) => {
    opened = { id, value: null };
    try {
      const value = await api.get(`/api/admin/deployment/releases/${encodeURIComponent(id)}`, { unattended: true });
      if (opened?.id === id) opened.value = value;
    } catch (error) {
      if (opened?.id === id) opened.problem = error;
    }
    update();
  };
  return {
    title: "History",
    start() { opened = null; },
    show({ id, query }) {
      if (!tower.isLoaded) return [el("h1", "History"), el("p.muted", "…")];
      if (older.length === 0) token = tower.releases.value.continue ?? null;
      const known = new Set(tower.history.map((one) => one.id));
      const all = [...tower.history, ...older.filter((one) => !known.has(one.id))];
      const shown = all.filter((one) => (!query.status || one.status === query.status) && (!query.version || one.version.includes(query.version.replace(/^v/, ""))));
      const selected = all.find((one) => one.id === id);
      if (selected && opened?.id !== selected.gccReleaseId && selected.gccReleaseId) open(selected.gccReleaseId);
      return [
        el("h1", "History"),
        filters(query),
        table({
          label: "Deployments, the newest first", rows: shown, key: (one) => one.id, selected: id,
          href: (one) => href("history", query, one.id === id ? "" : one.id),
          empty: all.length === 0 ? "Nothing was deployed yet." : "No deployment is as you ask.",
          columns: [
            { label: "Version", cell: (one) => el("a", { href: href("history", query, one.id === id ? "" : one.id) }, version(one.version)) },
            { label: "Result", cell: (one) => badges(one) },
            { label: "When", cell: (one) => timeElement(one.deployedAt) },
            { label: "Took", cell: (one) => (one.startedAt ? span(Date.parse(one.deployedAt) - Date.parse(one.startedAt)) : "not known") },
            { label: "Asked for by", cell: (one) => el("span.text", one.requestedBy ?? "not known") },
          ],
        }),
        token && (query.status || query.version) && el("p.note", badge("info", "Not all of it"), ` Only the newest ${all.length} were looked through.`),
        more(token, load),
        selected && details(tower, selected, opened),
      ];
    },
  };

  function filters(query) {
    return el("div.filters",
      el("div.field", el("label", { for: "history-version" }, "Version"), el("input", { id: "history-version", value: query.version ?? "", placeholder: "such as 2.3", spellcheck: "false", on: { change: (event) => set({ version: event.target.value.trim() }) } })),
      el("div.field", el("label", { for: "history-status" }, "Result"), el("select", { id: "history-status", value: query.status ?? "", on: { change: (event) => set({ status: event.target.value }) } },
        el("option", { value: "" }, "All"), Object.entries(historyStates).map(([value, [, label]]) => el("option", { value, selected: value === query.status }, label)))));
  }

  function set(changes) {
    const [path, search] = location.hash.split("?");
    const query = Object.fromEntries(new URLSearchParams(search ?? ""));
    location.hash = href("history", { ...query, ...changes }, path.split("/")[2] ? decodeURIComponent(path.split("/")[2]) : "");
  }
}

function badges(one) {
  const [kind, word] = words(historyStates, one.status);
  return el("span.row", badge(kind, one.isRollback ? (one.status === "success" ? "Went back" : `Going back: ${word.toLowerCase()}`) : word), one.isCurrent && badge("run", "Runs now"));
}

function details(tower, one, opened) {
  const value = opened?.value;
  const canReturn = one.status === "success" && !one.isCurrent && one.version !== tower.currentVersion && tower.canOperate;
  return el("section.card", { key: `details ${one.id}`, "aria-label": `${version(one.version)} in detail` },
    el("div.row.between", el("h2", version(one.version)), badges(one)),
    facts([
      ["Began", one.startedAt ? timeElement(one.startedAt) : "not known"], ["Ended", timeElement(one.deployedAt)],
      ["Asked for by", one.requestedBy ?? "not known"], one.failureReason && ["Reason", el("span.text", reason(one.failureReason))],
      one.helmRevision && ["Revision", String(one.helmRevision)],
      value?.declinedReason && ["Was put off", value.declinedReason], value?.windowOverride && ["Outside the windows", value.windowOverride],
    ]),
    one.errorMessage && el("div.stack.tight", el("h3", "What it said"), el("pre", { tabindex: "0", "aria-label": "What it said" }, one.errorMessage)),
    canReturn && el("div.actions", el("button.danger", { type: "button", disabled: Boolean(tower.active), on: { click: () => rollBack(tower, one.version) } }, icon("back"), `Go back to ${version(one.version)}`)),
    opened?.problem && el("p.muted", opened.problem.message),
    value?.tasks?.length > 0 && el("details", { open: value.tasks.length > 1 }, el("summary", `Every attempt (${value.tasks.length})`),
      el("ol.plain.entries", value.tasks.map((task) => el("li", { key: task.id }, el("div.stack.tight",
        el("span", badge(...taskState(task.status)), ` ${task.isRollback ? "back to it" : "deploy"}, `, timeElement(task.completedAt ?? task.pickedUpAt ?? task.executeAfter ?? task.createdAt)),
        task.errorMessage && el("pre", task.errorMessage)))))),
    value?.preflight && el("details", el("summary", "What the checks had found"), checks(value.preflight)),
    value?.releaseNotes && el("details", el("summary", "Release notes"), el("p.text", value.releaseNotes)));
}
