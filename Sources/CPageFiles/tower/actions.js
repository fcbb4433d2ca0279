// What admins decide: each asks first, and says what will happen.

import { clock } from "../shared/api.js";
import { ask, field } from "../shared/dialog.js";
import { el, render } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { absolute, full, localText, moments, relative, zone } from "../shared/time.js";
import { attempt, toast } from "../shared/toast.js";
import { checks, verdict } from "./pieces.js";
import { version } from "./words.js";

const path = "/api/admin/deployment";

/** Chooses when a release is deployed. */
export async function schedule(tower, offer, preset = null) {
  const openings = await tower.api.get("/api/admin/windows/next?count=6").catch(() => ({ isOpen: true, next: [] }));
  const timeZone = openings.next[0]?.timeZone ?? openings.opening?.timeZone ?? zone.name;
  const choices = [
    openings.isOpen && { id: "now", label: "Now", hint: openings.opening?.end ? `The window is open until ${endOf(openings.opening)}.` : "It begins as soon as the Agent takes it." },
    ...openings.next.slice(0, 5).map((opening, index) => ({
      id: `window-${index}`, at: opening.start, label: full(opening.start, opening.timeZone),
      hint: `${relative(opening.start)}${opening.end ? `, until ${endOf(opening)}` : ""}`,
    })),
    { id: "other", label: "At another time" },
  ].filter(Boolean);
  const chosen = preset ? "other" : choices[0].id;
  const radios = choices.map((choice) => el("label.choice",
    el("input", { type: "radio", name: "when", value: choice.id, checked: choice.id === chosen, on: { change: () => show() }, "data-first": choice.id === chosen ? "" : null }),
    el("span", el("strong", choice.label), choice.hint && el("span.hint", ` ${choice.hint}`))));
  const time = el("input", { type: "datetime-local", value: localText(preset ?? new Date(clock.now() + 3_600_000), timeZone), on: { input: () => show() } });
  const twice = el("select");
  const either = field("Which of the two", twice);
  const said = el("p.hint", { "aria-live": "polite" });
  const other = el("div.stack.tight", field(`Date and time by the clocks of ${timeZone}`, time), either, said);
  const reason = el("textarea", { name: "reason", maxlength: "1000" });
  const override = el("div.stack.tight", el("p.note.warn", ""), field("Why it cannot wait", reason, "The maintenance windows do not count then. The reason is kept in the audit."));
  override.hidden = true;
  const value = () => form().get("when");
  const form = () => new FormData(radios[0].closest("form"));
  function show() {
    other.hidden = value() !== "other";
    override.hidden = true;
    if (other.hidden) return;
    const all = moments(time.value, timeZone);
    either.hidden = all.length < 2;
    if (all.length > 1) render(twice, all.map((date, index) => el("option", { value: date.toISOString() }, `${index === 0 ? "The first time" : "The second time"}: ${full(date, timeZone)}`)));
    said.textContent = all.length === 0 ? "Clocks are put forward over this time: there is no such moment. Choose another."
      : all.length > 1 ? "Clocks are put back at this time and show it twice: say which one you mean." : `${full(all[0], timeZone)}, ${relative(all[0])}`;
  }
  function moment() {
    const choice = choices.find((one) => one.id === value());
    if (choice.id === "now") return null;
    if (choice.at) return choice.at;
    const all = moments(time.value, timeZone);
    if (all.length === 0) throw new Error("Choose a time that there is.");
    return all.length > 1 ? twice.value : all[0].toISOString();
  }
  const worst = verdict(offer.preflight);
  const asking = ask({
    title: `When is ${version(offer.version)} to be deployed?`,
    body: [
      el("details", { open: worst === "Failed" || worst === "Warning" }, el("summary", "What the checks found ",
        worst === "Failed" ? badge("bad", "A check failed") : worst === "Warning" ? badge("warn", "Mind") : worst ? badge("good", "Passed") : badge("info", "Not looked at yet")), checks(offer.preflight, !tower.deployment)),
      el("fieldset", el("legend", "When"), radios), other, override,
      offer.estimatedDowntime && el("p.note", `The vendor expects ${offer.estimatedDowntime} of downtime.`),
    ],
    action: "Schedule",
    submit: async () => {
      const at = moment();
      const body = { deploymentId: offer.id };
      if (at) body.scheduledFor = at;
      if (!override.hidden && reason.value.trim()) body.windowOverride = reason.value.trim();
      try {
        return await tower.api.change("POST", `${path}/schedule`, body, { recent: true });
      } catch (error) {
        if (error.status === 422 && /fitting time/.test(error.message)) {
          override.hidden = false;
          override.firstChild.textContent = error.message;
          reason.focus();
          throw new Error("The time lies outside your windows. Choose another, or say above why it cannot wait, and schedule again.");
        }
        throw plain(error, offer);
      }
    },
  });
  show();
  const answer = await asking;
  if (answer) {
    toast("good", `${version(offer.version)} is scheduled for ${full(answer.scheduledFor)}.`);
    tower.refresh();
  }
  return answer;
}

/** `05:00`, with the day where it is another. */
function endOf({ start, end, timeZone }) {
  const [first, last] = [start, end].map((time) => absolute(time, timeZone).split(", "));
  return first[0] === last[0] ? last[1] : last.join(", ");
}

/**
 * Says 409 in words that name the next step.
 * @param {{status: string}} [offer] what was to be changed, where it is one that is scheduled already
 */
export function plain(error, offer) {
  if (error.status !== 409) return error;
  if (offer?.status === "scheduled" && /^Deployment already in progress/.test(error.message)) {
    return new Error("It has begun meanwhile, or something else has taken its place: its time cannot be changed any more. Look at Live.");
  }
  const known = [
    [/^Deployment already in progress/, "Another deployment is scheduled or under way. Cancel it first, or wait until it is done."],
    [/^Cannot rollback/, "A deployment is scheduled or under way. Cancel it first, or wait until it is done."],
  ].find(([pattern]) => pattern.test(error.message));
  return known ? new Error(known[1]) : error;
}

export async function cancel(tower, active) {
  const reason = el("input", { name: "reason", maxlength: "1000", autocomplete: "off" });
  const name = active.isRollback ? `going back to ${version(active.version)}` : version(active.version);
  const answer = await ask({
    title: `Cancel ${name}?`,
    body: [el("p", "Nothing has begun yet. What runs stays as it is, and you can schedule it again at any time."), field("Why (may be empty)", reason)],
    action: "Cancel the deployment", kind: "danger", cancel: "Keep it",
    submit: () => tower.api.change("POST", `${path}/cancel`, { ...(active.release ? { deploymentId: active.release.id } : {}), reason: reason.value.trim() || undefined })
      .catch((error) => { throw error.status === 409 ? new Error("It has begun, or is not scheduled any more. Look at Live.") : error; }),
  });
  if (answer) toast("good", "Cancelled. Nothing was changed.");
  tower.refresh();
}

/** "Not now", with a reason. */
export async function decline(tower, offer) {
  const reason = el("textarea", { name: "reason", maxlength: "1000", required: true });
  const answer = await ask({
    title: `Not now: ${version(offer.version)}`,
    body: [el("p", "The policy Automatic leaves it alone from now on; anybody may still schedule it. The reason is for whoever looks at it later."), field("Why not now", reason)],
    action: "Not now",
    submit: () => tower.api.change("POST", `${path}/decline`, { deploymentId: offer.id, reason: reason.value.trim() }).catch((error) => { throw plain(error); }),
  });
  if (answer) toast("good", `${version(offer.version)} is put off.`);
  tower.refresh();
}

export async function takeBackDecline(tower, offer) {
  await attempt(() => tower.api.change("POST", `${path}/decline`, { deploymentId: offer.id, undo: true }), `${version(offer.version)} may be deployed again.`);
  tower.refresh();
}

/** Has the Agent look once more. */
export async function lookAgain(tower, offer) {
  await attempt(() => tower.api.change("POST", `${path}/preflight`, { deploymentId: offer.id }), `The Agent is asked to look at ${version(offer.version)} again.`);
  tower.refresh();
}

/** One click back, which says what will run then. */
export async function rollBack(tower, target) {
  const reason = el("input", { name: "reason", maxlength: "1000", autocomplete: "off" });
  const running = tower.currentVersion;
  const isAutomatic = tower.policy.value?.deploymentPolicy === "Automatic";
  const answer = await ask({
    title: `Go back to ${version(target)}?`,
    body: [
      el("dl.facts", el("dt", "Runs now"), el("dd", version(running)), el("dt", "Will run then"), el("dd", el("strong", version(target)))),
      el("ul.bullets",
        el("li", "It begins at once, whatever windows there are, with the settings that it ran with."),
        el("li", "Data that a newer version has changed is not changed back. If that version migrated a database, ask the vendor first."),
        el("li", isAutomatic
          ? "Your policy Automatic is off afterwards: releases are deployed only when somebody schedules them, until an admin turns it on again."
          : "The policy Automatic is off afterwards, as it is now: releases are deployed only when somebody schedules them.")),
      field("Why (may be empty)", reason),
    ],
    action: `Go back to ${version(target)}`, kind: "danger",
    submit: () => tower.api.change("POST", `${path}/rollback`, { targetVersion: target, reason: reason.value.trim() || undefined }, { recent: true })
      .catch((error) => { throw error.status === 404 ? new Error(`${version(target)} is not there any more: neither here nor at the vendor's.`) : plain(error); }),
  });
  if (answer) {
    toast("good", `Going back to ${version(target)}.`);
    location.hash = "#/live";
  }
  tower.refresh();
}

/** Another attempt at what failed, by the annotation that the Agent looks for. */
export async function retry(tower) {
  const { namespace, name } = tower.deployment.metadata;
  await attempt(() => tower.api.change("PATCH",
    `/apis/deploy.wrktalk.com/v1/namespaces/${encodeURIComponent(namespace)}/desireddeployments/${encodeURIComponent(name)}`,
    { metadata: { annotations: { "deploy.wrktalk.com/retryRequestedAt": new Date(clock.now()).toISOString() } } },
    { contentType: "application/merge-patch+json" }), "The Agent is asked to try again.");
}

