// A stage as one bar: how many of its customers stand where, each number a link to them.

import { el } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { timeElement } from "../shared/time.js";
import { count, stateNamed, targetStates } from "./words.js";

/** @param {(state: string) => string} target where a number leads */
export function stageBar(stage, target) {
  const shown = targetStates.filter((state) => (stage.states[state.name] ?? 0) > 0);
  const words = shown.map((state) => `${count(stage.states[state.name])} ${state.label.toLowerCase()}`).join(", ");
  return el("div.stack.tight",
    el("div.bar", { role: "img", "aria-label": `${stage.name}: ${words || "nobody yet"}` },
      shown.map((state) => el("span.part", {
        class: state.name, css: { "--share": String(stage.states[state.name]) }, title: `${state.label}: ${count(stage.states[state.name])}`,
      }))),
    shown.length === 0 ? el("p.muted", "Its customers are chosen when it begins.")
      : el("ul.legend", { "aria-label": `${stage.name} in numbers` }, shown.map((state) => el("li",
        el("a", { href: target(state.name), title: state.hint },
          el("span.swatch", { class: state.name, "aria-hidden": "true" }), icon(state.kind),
          el("span", state.label), " ", el("strong", count(stage.states[state.name])))))));
}

const thresholdWords = {
  offered: "Offered", reports: "Reports", successes: "Successes", failures: "Failures", failurePercent: "Failure rate",
  soak: "Soak time", approval: "Approval",
};

/**
 * What has to hold before the next stage starts, drawn with its numbers, each of which leads to the customers.
 * @param {(states: string) => string} target where a number leads
 */
export function thresholds(stage, target) {
  return el("ul.thresholds", { "aria-label": `What opens the gate of ${stage.name}` }, stage.thresholds.map((threshold) => el("li",
    el("span.sign", { class: threshold.state }, icon({ met: "good", broken: "bad", pending: "wait" }[threshold.state]),
      el("strong", thresholdWords[threshold.kind] ?? threshold.kind)),
    el("span.measure", measure(threshold, target)),
    threshold.denominator > 0 && gauge(threshold))));
}

const failed = ["failed", "rolledBack"];
const reported = ["succeeded", ...failed];
const beyondReach = ["offline", "silent", "blocked", "cancelled"];
const everybody = targetStates.map((state) => state.name);
const except = (left) => everybody.filter((name) => !left.includes(name));

/** Whom the numbers of a threshold count: the numerator, and what it is a part of. */
const counted = {
  offered: [except(["waiting"]), everybody], reports: [reported, except(beyondReach)], successes: [["succeeded"], reported],
  failures: [failed, everybody], failurePercent: [failed, reported],
};

function measure({ kind, state, numerator, denominator, limit, until }, target) {
  const link = (number, states) => el("a", { href: target(states.join(",")) }, count(number));
  const of = counted[kind] && [link(numerator, counted[kind][0]), " of ", link(denominator, counted[kind][1])];
  const percent = denominator > 0 ? ` (${percentage(numerator, denominator)} %)` : "";
  switch (kind) {
    case "offered": return [of, " members"];
    case "reports": return [of, ` that can report; ${count(limit)} asked for`];
    case "successes": return [of, ` that reported${percent}; at least ${limit} % asked for`];
    case "failures": return [of, ` members; more than ${count(limit)} halt the rollout`];
    case "failurePercent": return [of, ` that reported${percent}; more than ${limit} % halt the rollout`];
    case "soak": return until ? ["until ", timeElement(until)] : "begins once the rest holds";
    case "approval": return state === "met" ? "given" : "a person has to give it";
    default: return `${count(numerator)} of ${count(denominator)}`;
  }
}

function percentage(numerator, denominator) {
  const share = numerator * 100 / denominator;
  return share > 0 && share < 10 ? share.toFixed(1) : String(Math.round(share));
}

/** The share as a line, with a mark where the limit lies. */
function gauge({ kind, numerator, denominator, limit }) {
  const mark = kind === "successes" || kind === "failurePercent" ? limit / 100
    : limit === undefined ? null : Math.min(1, limit / denominator);
  return el("span.gauge", { "aria-hidden": "true", css: { "--share": String(Math.min(1, numerator / denominator)) } },
    el("span.fill"), mark !== null && el("span.mark", { css: { "--at": String(mark) } }));
}

/** `{state}` of a query, as words. */
export function stateTitle(states) {
  if (states.split(",").length === everybody.length) return "Customers";
  if (states === except(["waiting"]).join(",")) return "Offered";
  if (states === except(beyondReach).join(",")) return "Can report";
  return states.split(",").map((name) => stateNamed[name]?.label ?? name).join(", ");
}
