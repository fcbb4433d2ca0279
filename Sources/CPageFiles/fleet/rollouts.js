// Release: where each rollout stands, why it stands still, what would move it, and what a person can do about it.

import { clock } from "../shared/api.js";
import { ask, failure, field } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { Polling, ResourceWatch } from "../shared/resources.js";
import { href } from "../shared/router.js";
import { Portion, table } from "../shared/table.js";
import { timeElement } from "../shared/time.js";
import { attempt, toast } from "../shared/toast.js";
import { stageBar, stateTitle, thresholds } from "./bar.js";
import { Listing } from "./listing.js";
import { planDialog } from "./plan.js";
import { mayChange } from "./roles.js";
import { blockedWords, count, customers, foreign, phaseBadge, stateBadge, targetStates } from "./words.js";

const path = "/apis/deploy.wrktalk.com/v1/rollouts";
const retryAnnotation = "deploy.wrktalk.com/retryRequestedAt";
const onePath = (name) => `${path}/${encodeURIComponent(name)}`;
const internal = (name, what) => `/api/internal/rollouts/${encodeURIComponent(name)}/${what}`;

/** Why it stands so; of one that is halted also the way out, which here is a button. */
function standing(name, value) {
  if (value.phase !== "Halted" || !value.haltMessage) return foreign(value.reason);
  const installing = value.stages.reduce((total, stage) => total + (stage.states.inProgress ?? 0), 0);
  const number = customers(value.goesOn);
  // Some may have begun and not be heard of: those are among the ones that are offline.
  const under = value.goesOn > 0 && [" ", value.goesOn === installing ? el("a", { href: href("rollouts", { state: "inProgress" }, name) }, number) : number, " under way go on."];
  const wayOut = value.haltCause === "ReleaseWithdrawn" || value.isWithdrawn
    ? "Nothing more is offered of a release that was withdrawn." : "Retry takes it up again.";
  return [foreign(`${value.haltMessage}.`), under, ` ${wayOut}`];
}

/** In an address: customers in every state. */
const everyState = "all";

/** A stage of a rollout that has halted goes on no more, whatever it was at. */
function stagePhase(value, stage) {
  return value.phase === "Halted" && ["Running", "Soaking", "AwaitingApproval"].includes(stage.phase) ? "Halted" : stage.phase;
}

export function rolloutsView({ api, router, update }) {
  const watch = new ResourceWatch(api, path, { limit: 2000 });
  const portion = new Portion(update);
  const targets = new Listing(api, update, "targets");
  let current = null;
  let progress = null;
  watch.addEventListener("change", () => {
    progress?.refresh();
    update();
  });
  const follow = (name) => {
    if (name === current) return;
    progress?.stop();
    current = name;
    progress = name ? new Polling(api, () => internal(name, "progress"), { interval: 4000 }) : null;
    progress?.addEventListener("change", () => {
      // The list under the bars is of the same moment as they are.
      targets.refresh();
      update();
    });
    progress?.start();
  };
  return {
    title: "Rollouts",
    start() { watch.start(); },
    stop() {
      watch.stop();
      watch.revision = null;
      follow(null);
      targets.clear();
    },
    show({ id, query }) {
      follow(id || null);
      if (!id || !(query.stage || query.state)) targets.clear();
      if (id) return one(id, query);
      const all = [...watch.items.values()].sort((left, right) => right.metadata.creationTimestamp.localeCompare(left.metadata.creationTimestamp));
      return [
        el("div.page-head", el("h1", "Rollouts"), mayChange(api) && el("button.primary", { type: "button", on: { click: () => planDialog(api, router) } }, icon("release"), "Plan a rollout")),
        watch.problem && failure(watch.problem.message),
        watch.state === "loading" ? el("p.muted", { role: "status" }, "Looking…") : table({
          label: "Rollouts, the newest first", rows: portion.of(all), key: (rollout) => rollout.metadata.name,
          href: (rollout) => href("rollouts", {}, rollout.metadata.name),
          empty: "No release was rolled out yet. Plan one: you see who would be in which stage before anything moves.",
          columns: [
            { label: "Rollout", cell: (rollout) => el("a", { href: href("rollouts", {}, rollout.metadata.name) }, rollout.metadata.name) },
            { label: "Release", cell: (rollout) => el("a", { href: href("releases", {}, rollout.spec.release) }, rollout.spec.release) },
            { label: "State", cell: (rollout) => phaseBadge(rollout.status?.phase ?? "Pending") },
            { label: "Healthy", number: true, cell: (rollout) => [number(rollout, "succeeded", "succeeded"), " of ", number(rollout, "members", everyState)] },
            { label: "Failed or rolled back", number: true, cell: (rollout) => number(rollout, "failed", "failed,rolledBack") },
            { label: "Why", cell: (rollout) => foreign(rollout.status?.reason ?? "It has just been made.") },
          ],
        }),
        portion.foot(all, watch.isTruncated),
      ];
    },
  };

  /** A number of a rollout, which leads to those that it counts. */
  function number(rollout, bucket, state) {
    return el("a", { href: href("rollouts", { state }, rollout.metadata.name) }, count(sum(rollout, bucket)));
  }

  function sum(rollout, bucket) {
    return (rollout.status?.stages ?? []).reduce((total, stage) => total + (stage.counts?.[bucket] ?? 0), 0);
  }

  function one(name, query) {
    const value = progress?.value;
    const head = el("div.page-head", el("h1", `Rollout ${name}`), el("a", { href: href("rollouts") }, "All rollouts"));
    if (!value) return [head, progress?.problem ? failure(progress.problem.message) : el("p.muted", { role: "status" }, "Looking…")];
    const kind = { Halted: "bad", Paused: "wait", Completed: "good", Progressing: "run" }[value.phase] ?? "wait";
    return [
      head,
      progress.problem && failure(progress.problem.message),
      el("section.card", { class: kind, "aria-label": "How it stands" },
        el("div.row", phaseBadge(value.phase), el("span", "Release ", el("a", { href: href("releases", {}, value.release) }, value.release)),
          value.isWithdrawn && badge("bad", "Withdrawn"),
          el("a", { href: href("failures", {}, value.release) }, "Failures by cause")),
        el("p.lead", { role: "status" }, standing(name, value)),
        mayChange(api) && actions(name, value)),
      value.stages.map((stage, index) => el("section.card", { key: `stage ${stage.name}`, "aria-label": `Stage ${stage.name}` },
        el("div.row.between", el("h2", `${index + 1}. ${stage.name}`), phaseBadge(stagePhase(value, stage))),
        stage.startedAt && el("p.muted", customers(stage.members), ", begun ", timeElement(stage.startedAt), stage.passedAt && [", passed ", timeElement(stage.passedAt)]),
        stageBar(stage, (state) => href("rollouts", { stage: stage.name, state }, name)),
        stage.startedAt && thresholds(stage, (state) => href("rollouts", { stage: stage.name, state }, name)),
        mayChange(api) && stage.phase === "AwaitingApproval" && el("div.actions", el("button.primary", { type: "button", on: { click: () => approve(name, stage.name) } }, icon("good"), `Approve ${stage.name}`)))),
      (query.stage || query.state) && behind(name, query),
    ];
  }

  function behind(name, query) {
    targets.at(internal(name, "targets"), { stage: query.stage, state: query.state === everyState ? null : query.state, q: query.q });
    const isSeveral = query.state && query.state !== everyState && query.state.includes(",");
    const title = `${query.state && query.state !== everyState ? stateTitle(query.state) : "Customers"}${query.stage ? ` in ${query.stage}` : ""}`;
    return el("section.stack", { key: "behind" },
      el("div.page-head", el("h2", title, targets.total !== null && ` (${count(targets.total)})`), el("a", { href: href("rollouts", {}, name) }, "Close the list")),
      el("div.filters",
        el("div.field", el("label", { for: "target-q" }, "Customer"), el("input", { id: "target-q", value: query.q ?? "", type: "search", spellcheck: "false", on: { change: (event) => router.set({ q: event.target.value.trim() }) } })),
        el("div.field", el("label", { for: "target-state" }, "State"), el("select", { id: "target-state", value: query.state ?? everyState, on: { change: (event) => router.set({ state: event.target.value }) } },
          el("option", { value: everyState }, "Every state"), isSeveral && el("option", { value: query.state }, stateTitle(query.state)), targetStates.map((state) => el("option", { value: state.name }, state.label))))),
      table({
        label: title, rows: targets.items, key: (target) => target.organization,
        href: (target) => href("fleet", {}, target.organization),
        empty: targets.isLoading ? "Looking…" : "There is no such customer now.",
        columns: [
          { label: "Customer", cell: (target) => el("a", { href: href("fleet", {}, target.organization) }, target.organization) },
          { label: "State", cell: (target) => stateBadge(target.state) },
          { label: "Since", cell: (target) => timeElement(target.completedAt ?? target.startedAt ?? target.offeredAt) },
          { label: "What is known", cell: (target) => known(target) },
          { label: "Last seen", cell: (target) => (target.lastSeen ? timeElement(target.lastSeen, { form: "relative" }) : "never") },
        ],
      }),
      targets.foot());
  }

  function known(target) {
    const words = [blockedWords[target.blocked] ?? target.blocked, target.reason, target.component, target.message, target.webhookError].filter(Boolean).join(" · ");
    return words ? foreign(words) : target.scheduledFor && ["chosen for ", timeElement(target.scheduledFor)];
  }

  // MARK: What a person does

  function actions(name, value) {
    const button = (label, sign, act, kind = "") => el("button", { type: "button", class: kind, on: { click: act } }, icon(sign), label);
    const isOver = value.isWithdrawn;
    return el("div.actions",
      value.state === "Running" && value.phase === "Progressing" && button("Pause", "pause", () => state(name, "Paused", `${name} is paused: nothing new is offered.`)),
      value.state === "Paused" && button("Resume", "run", () => state(name, "Running", `${name} goes on.`), "primary"),
      value.phase !== "Halted" && (value.phase !== "Completed" || value.canBeTakenBack > 0) && button("Halt", "off", () => halt(name, value), "danger"),
      !isOver && (value.phase === "Halted" || failed(value) > 0) && button(value.phase === "Halted" ? "Retry" : `Retry ${count(failed(value))} that failed`, "run", () => retry(name, value), "primary"),
      !isOver && value.releaseState === "Published" && button("Withdraw the release", "bad", () => withdraw(value), ""));
  }

  function failed(value) { return value.stages.reduce((total, stage) => total + stage.states.failed + stage.states.rolledBack, 0); }

  function patch(name, body) {
    return api.change("PATCH", onePath(name), body, { contentType: "application/merge-patch+json" });
  }

  async function guarded(act, done) {
    await attempt(act, done);
    progress?.refresh();
  }

  function state(name, to, done) { return guarded(() => patch(name, { spec: { state: to } }), done); }

  async function halt(name, value) {
    const result = await ask({
      title: `Halt ${name}?`, action: "Halt it", kind: "danger",
      body: el("p", `${customers(value.canBeTakenBack)} that have not begun lose the offer, also those that are not heard of. ${customers(value.goesOn)} that install now go on: what has begun is not cut off. A retry takes it up again.`),
      submit: () => patch(name, { spec: { state: "Halted" } }).then(() => true),
    });
    if (result) toast("good", `${name} is halted.`);
    progress?.refresh();
  }

  /** By the server's clock, and later than the retry before. */
  function retryTime(value) {
    const earlier = value.retriedAt ? Date.parse(value.retriedAt) + 1 : 0;
    return new Date(Math.max(clock.now(), earlier)).toISOString();
  }

  async function retry(name, value) {
    const isHalted = value.phase === "Halted";
    const result = await ask({
      title: `Retry ${name}?`, action: "Retry",
      body: el("p", `${customers(failed(value))} that failed are offered ${value.release} again, with exactly the same content${isHalted ? ", and so are those whose offers were taken back" : ""}. Limits and gates hold as before.`),
      submit: () => patch(name, {
        metadata: { annotations: { [retryAnnotation]: retryTime(value) } }, ...(value.state === "Halted" ? { spec: { state: "Running" } } : {}),
      }).then(() => true),
    });
    if (result) toast("good", `${name} is taken up again.`);
    progress?.refresh();
  }

  async function approve(name, stage) {
    await guarded(async () => {
      const rollout = await api.get(onePath(name));
      const approved = [...new Set([...(rollout.spec.approvedStages ?? []), stage])];
      // Of the rollout that was read: what somebody approves at the same time is not lost.
      await patch(name, { metadata: { resourceVersion: rollout.metadata.resourceVersion }, spec: { approvedStages: approved } });
    }, `${stage} is approved.`);
  }

  async function withdraw(value) {
    const typed = el("input", { required: true, spellcheck: "false", autocomplete: "off" });
    const result = await ask({
      title: `Withdraw release ${value.release}?`, action: "Withdraw it", kind: "danger",
      body: [el("p", "It is offered to nobody any more, its artifacts are given to nobody, and every rollout of it halts. Those who run it keep it. This cannot be taken back."),
        field(`Type ${value.release} to go on`, typed)],
      submit: async () => {
        if (typed.value.trim() !== value.release) throw new Error(`That is not ${value.release}.`);
        await api.change("POST", `/api/internal/releases/${encodeURIComponent(value.release)}/withdraw`, {});
        return true;
      },
    });
    if (result) toast("good", `${value.release} is withdrawn.`);
    progress?.refresh();
  }
}
