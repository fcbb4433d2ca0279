// Live: what the Agent does at this moment, step by step, and the watch after it.

import { clock } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { progress } from "../shared/progress.js";
import { ResourceWatch, address } from "../shared/resources.js";
import { span, timeElement } from "../shared/time.js";
import { cancel, retry, rollBack } from "./actions.js";
import { situation } from "./model.js";
import { facts } from "./pieces.js";
import { conditionNames, steps, version, watchStates, words } from "./words.js";

/** As many as the server keeps, for a day. */
const keptEvents = 4000;
const shownEvents = 200;

export function liveView({ state, api, update }) {
  const tower = state.tower;
  let events = null;
  /** Once it is known which record it is. */
  const follow = () => {
    const name = tower.deployment?.metadata?.name;
    if (events || !name) return;
    events = new ResourceWatch(api, "/api/v1/events", { query: { fieldSelector: `involvedObject.name=${name}` }, limit: keptEvents });
    events.addEventListener("change", update);
    events.start();
  };
  return {
    title: "Live",
    start() {
      events = null;
    },
    stop() {
      events?.stop();
      events = null;
    },
    // A countdown.
    tick() { if (tower.status.value?.healthWatch?.state === "watching" || tower.active) update(); },
    show() {
      if (!tower.isLoaded) return [el("h1", "Live"), el("p.muted", "…")];
      follow();
      const now = situation(tower);
      return [
        el("div.page-head", el("h1", "Live"), connection(tower)),
        el("section.card", { class: now.kind, "aria-live": "polite", "aria-label": "What is done now" }, el("p.lead", now.sentence), now.more && el("p.text", now.more)),
        el("div.grid", under(tower), watch(tower), back(tower)),
        services(tower), conditions(tower), log(events, tower),
      ];
    },
  };
}

function connection(tower) {
  const { state } = tower.record;
  return state === "live" ? badge("good", "Live") : state === "ended" ? badge("bad", "Not watched") : badge("wait", "Connecting");
}

/** The steps of what is being done, or of what was done last. */
function under(tower) {
  const status = tower.deployment?.status;
  const active = tower.active;
  const present = status?.progress;
  const index = present ? steps.findIndex(([names]) => names.includes(present.step)) : -1;
  const title = active ? (active.isRollback ? `Going back to ${version(active.version ?? tower.deployment?.spec?.version)}` : `Deploying ${version(active.version)}`) : "Steps";
  const isOver = !active && !present;
  const failed = isOver && tower.condition("Ready")?.status === "False" && tower.failure;
  return el("section.card", el("h2", title),
    isOver ? el("p.muted", failed ? "The last attempt has failed; the log says why." : tower.currentVersion ? "Nothing is under way." : "Nothing was deployed yet.")
      : el("ol.plain.steps", { "aria-label": "Steps" }, steps.map(([names, label], at) => {
        const [kind, word] = at < index ? ["good", "Done"] : at === index ? ["run", "Now"] : ["off", "To come"];
        return el("li", { key: names[0], "aria-current": at === index ? "step" : null }, badge(kind, word), el("span", label));
      })),
    present && progress(present.message, present.total > 0 ? present.done / present.total : null, present.total > 0 ? `${present.done} of ${present.total}` : ""),
    active?.task && facts([
      ["Asked for by", active.task.requestedBy ?? "this server"],
      active.task.pickedUpAt ? ["Begun", timeElement(active.task.pickedUpAt)] : ["Due", timeElement(active.at)],
      active.task.lastHeartbeat && ["Last sign of life", timeElement(active.task.lastHeartbeat, { form: "relative" })],
      active.task.attempts > 0 && ["Attempt", `${active.task.attempts} of ${active.task.maxAttempts}`],
    ]),
    active && !active.isBegun && tower.canOperate && el("div.actions", el("button", { type: "button", on: { click: () => cancel(tower, active) } }, "Cancel it")),
    failed && tower.isAdmin && el("div.actions", el("button", { type: "button", on: { click: () => retry(tower) } }, icon("run"), "Try again")));
}

function watch(tower) {
  const { healthWatch } = tower.status.value;
  const minutes = tower.policy.value?.healthWatchMinutes;
  if (!healthWatch) return el("section.card", el("h2", "Health watch"), el("p.muted", minutes === 0 ? "Deployments are not watched. Turn it on under Schedule." : "After a deployment its health is watched, and where it goes bad and stays so, it is rolled back by itself."));
  const [kind, word] = words(watchStates, healthWatch.state);
  const rest = Date.parse(healthWatch.endsAt) - clock.now();
  const length = Date.parse(healthWatch.endsAt) - Date.parse(healthWatch.startedAt);
  return el("section.card", el("h2", `Health watch of ${version(healthWatch.version)}`), badge(kind, word),
    healthWatch.state === "watching" && [
      el("p.figure", { role: "timer" }, rest > 0 ? span(rest) : "ending"),
      progress("Watched", length > 0 ? 1 - Math.max(0, rest) / length : null),
      healthWatch.badSince ? el("p", badge("warn", "Looks bad"), " since ", timeElement(healthWatch.badSince, { form: "relative" }), ". If it stays so for a minute, it is rolled back.") : el("p", tower.condition("Healthy")?.status === "True" ? "So far it is healthy. If it goes bad and stays so, it is rolled back by itself." : "Nobody has said yet whether it is healthy. Where it is seen to be bad and stays so, it is rolled back by itself."),
    ],
    healthWatch.state !== "watching" && facts([["Begun", timeElement(healthWatch.startedAt)], healthWatch.endedAt && ["Ended", timeElement(healthWatch.endedAt)], healthWatch.returnsTo && ["Returned to", version(healthWatch.returnsTo)]]),
    healthWatch.message && el("pre", healthWatch.message));
}

function back(tower) {
  const target = tower.status.value.rollback?.version;
  const active = tower.active;
  return el("section.card", el("h2", "Go back"),
    target ? el("p", "Before ", el("strong", version(tower.currentVersion)), ", ", el("strong", version(target)), " ran in full health", tower.status.value.rollback.ranAt && [" (", timeElement(tower.status.value.rollback.ranAt, { form: "absolute" }), ")"], ". One click brings it back; the policy Automatic is off afterwards.")
      : el("p.muted", "No other version ran in full health here yet."),
    target && tower.canOperate && el("div.actions", el("button.danger", { type: "button", disabled: Boolean(active), on: { click: () => rollBack(tower, target) } }, icon("back"), `Go back to ${version(target)}`)),
    target && active && el("p.hint", "Something is scheduled or under way: cancel it, or wait until it is done."));
}

function services(tower) {
  const all = tower.services;
  return all.length > 0 && el("section.card", el("h2", "Services"),
    el("ul.plain.services", { "aria-label": "Services" }, all.map((service) => el("li", { key: service.name }, el("strong", service.name), el("span.mono", service.tag), badge(service.kind, service.word), service.image && el("code.muted", service.image)))));
}

/** What the Agent observed, in its own words. */
function conditions(tower) {
  const all = tower.deployment?.status?.conditions ?? [];
  const bad = { Drifted: "True", Stalled: "True" };
  const neutral = ["Reconciling", "Scheduled", "Remediated"];
  return all.length > 0 && el("section.card", el("h2", "What the Agent has seen"),
    el("ul.plain.conditions", { "aria-label": "Conditions" }, all.map((one) => {
      const isBad = one.type in bad ? one.status === bad[one.type] : one.status === "False" && !neutral.includes(one.type);
      const names = conditionNames[one.type] ?? [one.type, `Not ${one.type}`];
      const name = { True: names[0], False: names[1] }[one.status] ?? names[2] ?? `${names[0]}: not known`;
      return el("li", { key: one.type }, badge(isBad ? "warn" : one.status === "Unknown" || neutral.includes(one.type) ? "info" : "good", name), el("span.text", one.message), timeElement(one.lastTransitionTime, { form: "relative" }));
    })));
}

function log(events, tower) {
  const name = tower.deployment?.metadata?.name;
  const all = [...(events?.items.values() ?? [])].filter((event) => event.involvedObject?.kind === "DesiredDeployment" && event.involvedObject.name === name)
    .sort((one, other) => Date.parse(other.lastTimestamp) - Date.parse(one.lastTimestamp) || Number(other.metadata.resourceVersion) - Number(one.metadata.resourceVersion));
  const failure = tower.failure?.message ?? tower.history[0]?.errorMessage;
  return el("section.card", el("div.row.between", el("h2", "Log"), el("a", { href: address("/api/v1/events", { fieldSelector: name && `involvedObject.name=${name}` }) }, "All of it, as JSON")),
    failure && !tower.active && el("details", { open: true }, el("summary", "What the last failure said"), el("pre", { tabindex: "0" }, failure)),
    events?.problem && el("p.problem", events.problem.message),
    all.length === 0 ? el("p.muted", !events || events.state === "live" ? "The Agent has said nothing yet." : "…")
      : el("div.log", { role: "log", tabindex: "0", "aria-label": "Messages, the newest first" }, el("ol.plain", all.slice(0, shownEvents).map((event) => el("li", { key: event.metadata.name },
        timeElement(event.lastTimestamp, { form: "absolute", seconds: true }), " ", event.type === "Warning" ? el("strong", "Warning: ") : "", el("span", event.reason), ": ", el("span", event.message), event.count > 1 ? ` (${event.count} times)` : "")))),
    all.length > shownEvents && el("p.hint", `The newest ${shownEvents} of ${all.length.toLocaleString("en-GB")} that are kept.`));
}
