// Small things that several views show.

import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { checkNames, checkStates, words } from "./words.js";

/** Pairs of what and how. */
export function facts(pairs) {
  return el("dl.facts", pairs.filter(Boolean).map(([name, ...value]) => [el("dt", name), el("dd", value)]));
}

/**
 * What the Agent found when it looked at a release before anybody scheduled it.
 * @param {boolean} isFirst nothing was ever deployed here, and no Agent is asked before that
 */
export function checks(preflight, isFirst = false) {
  if (!preflight && isFirst) return el("p.muted", "Agents look at releases beforehand from the first deployment on. This one they check while they deploy it.");
  if (!preflight) return el("p.muted", "The Agent has not looked at it yet. It does so by itself once the release is downloaded.");
  if (!preflight.completedAt && !preflight.checks?.length) return el("p", badge("run", "The Agent is looking at it"));
  return el("ul.plain.checks", { "aria-label": "Checks" }, (preflight.checks ?? []).map((check) => {
    const [kind, word] = words(checkStates, check.status);
    return el("li", { key: check.name }, badge(kind, word), el("strong", checkNames[check.name] ?? check.name), el("span.text", check.message));
  }));
}

/** The worst of the checks: `Failed`, `Warning`, `Passed`, or null before there are any. */
export function verdict(preflight) {
  const states = (preflight?.checks ?? []).map((check) => check.status);
  return ["Failed", "Warning", "Unknown", "Passed"].find((state) => states.includes(state)) ?? null;
}

/** A button that fetches more of a list. */
export function more(token, load) {
  return token && el("div.actions", el("button", { type: "button", on: { click: load } }, "Show older"));
}
