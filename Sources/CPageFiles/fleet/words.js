// The words of the fleet: what each state is called, what it means, and how it is drawn.

import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";

/** Where a customer stands with a release, in the order in which a bar shows it. `kind` is the sign and the colour beside the word. */
export const targetStates = [
  { name: "succeeded", label: "Healthy", kind: "good", hint: "They reported that the release runs." },
  { name: "inProgress", label: "Installing", kind: "run", hint: "Their deployment has begun." },
  { name: "notifying", label: "Being notified", kind: "info", hint: "The release is offered; they have not acknowledged it yet." },
  { name: "untold", label: "Webhook failed", kind: "wait", hint: "Their webhook could not be delivered. They learn of the release when they next ask, and it counts as waiting for consent." },
  { name: "consent", label: "Waiting for consent", kind: "wait", hint: "It is offered to them, and they have not said when." },
  { name: "scheduled", label: "Waiting for their window", kind: "wait", hint: "They have chosen when." },
  { name: "waiting", label: "Not offered yet", kind: "off", hint: "The stage has not come to them." },
  { name: "offline", label: "Offline", kind: "off", hint: "They are not heard of. They hold nothing up and count in no threshold." },
  { name: "silent", label: "Silent", kind: "off", hint: "They have not answered for longer than the gate waits." },
  { name: "blocked", label: "Passed over", kind: "off", hint: "Not offered: for their licence, their version, or since there is no artifact for them." },
  { name: "cancelled", label: "Taken back", kind: "off", hint: "The offer was taken back." },
  { name: "rolledBack", label: "Rolled back", kind: "bad", hint: "It failed there, and what ran before runs again." },
  { name: "failed", label: "Failed", kind: "bad", hint: "It failed there." },
];

export const stateNamed = Object.fromEntries(targetStates.map((state) => [state.name, state]));

/** Of a target as the resource API has it. */
export function targetState({ phase, bucket } = {}) {
  if (phase === "RolledBack") return "rolledBack";
  return phase === "WebhookFailed" && bucket === "consent" ? "untold" : bucket;
}

export function stateBadge(name) {
  const state = stateNamed[name];
  return state ? badge(state.kind, state.label) : badge("info", name ?? "not known");
}

export const healths = {
  Online: { kind: "good", hint: "seen within 10 minutes" },
  Degraded: { kind: "warn", hint: "not seen for 10 minutes" },
  Offline: { kind: "off", hint: "not seen for an hour" },
  Critical: { kind: "bad", hint: "not seen for a day" },
  NeverSeen: { kind: "info", label: "Never seen", hint: "it has not reported yet" },
};

export function healthBadge(name) {
  const health = healths[name ?? "NeverSeen"] ?? { kind: "info" };
  return badge(health.kind, health.label ?? name);
}

/** What is to be looked after at a customer's. */
export const escalationTypes = {
  any: "Any that is open", DEPLOYMENT_FAILED: "A deployment failed", CLIENT_OFFLINE: "Offline", FORCED_24H_EXCEEDED: "Forced, and not done in 24 h",
  MIN_VERSION_BLOCKED: "Too old for the release", LICENSE_EXPIRED: "Licence expired",
};

/** Why a release is not offered to somebody. */
export const blockedWords = {
  LicenseExpired: "the licence has expired", MinVersionBlocked: "it runs a version that is too old for it",
  NewerVersion: "it runs a newer version", ArtifactMissing: "there is no artifact for it",
};

const results = { success: ["good", "Deployed"], failed: ["bad", "Failed"], rolledBack: ["warn", "Rolled back"] };

/** How a deployment ended. */
export function resultBadge(word) {
  const [kind, text] = results[String(word ?? "").replace(/^./, (sign) => sign.toLowerCase())] ?? ["info", String(word ?? "not known")];
  return badge(kind, text);
}

export const phases = {
  Pending: "wait", Progressing: "run", Paused: "pause", Halted: "bad", Completed: "good",
  Running: "run", Soaking: "wait", AwaitingApproval: "wait", Passed: "good", Failed: "bad",
};
const phaseWords = { AwaitingApproval: "Waits for approval", Pending: "Not begun" };

export function phaseBadge(phase) { return badge(phases[phase] ?? "info", phaseWords[phase] ?? phase); }

/** `1,234` */
export function count(number) { return Number(number ?? 0).toLocaleString("en-GB"); }

/** `1 customer`, `1,234 customers` */
export function customers(number) { return `${count(number)} ${number === 1 ? "customer" : "customers"}`; }

/** `2 releases behind` */
export function behindWords(behind) {
  if (behind === null || behind === undefined) return "not known";
  return behind === 0 ? "up to date" : `${behind} ${behind === 1 ? "release" : "releases"} behind`;
}

/** Text from elsewhere: as it is, and nothing more. */
export function foreign(text) { return el("span.text", text ?? ""); }
