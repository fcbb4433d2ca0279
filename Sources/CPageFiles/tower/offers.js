// Offers: what the vendor offers, what it would change here, what the checks say, and when.

import { clock } from "../shared/api.js";
import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { bytes, progress } from "../shared/progress.js";
import { wholeList } from "../shared/resources.js";
import { href } from "../shared/router.js";
import { span, timeElement } from "../shared/time.js";
import { cancel, decline, lookAgain, schedule, takeBackDecline } from "./actions.js";
import { checks, facts, verdict } from "./pieces.js";
import { reason, releaseStates, version, words } from "./words.js";

/** The reason of a release that somebody went back from. */
const returned = "RolledBack";

export function offersView({ state, router, update }) {
  const tower = state.tower;
  let settings = null;
  return {
    title: "Offers",
    start() {
      // Which of the settings that a release brings are here already.
      wholeList(tower.api, "/api/admin/config", "settings").then(({ items }) => {
        settings = new Map(items.map((one) => [one.key, one.value]));
        update();
      }, () => {});
    },
    show({ id, query }) {
      if (!tower.isLoaded) return [el("h1", "Offers"), el("p.muted", "…")];
      const all = [...tower.scheduled.filter((one) => !one.rollback), ...tower.offers];
      const shown = query.show === "all" ? all : all.filter((offer) => !offer.declinedAt || offer.id === id);
      const declined = all.length - all.filter((offer) => !offer.declinedAt).length;
      return [
        el("div.page-head", el("h1", "Offers"),
          declined > 0 && el("label.choice", el("input", { type: "checkbox", checked: query.show === "all", on: { change: (event) => router.set({ show: event.target.checked ? "all" : null }) } }), el("span", `Show what was put off (${declined})`))),
        tower.active?.isRollback && el("p.note", badge("run", "Going back"), " A rollback is under way; releases can be scheduled after it. ", el("a", { href: href("live") }, "Watch it")),
        shown.length === 0 && el("p.empty", declined > 0 ? "There is nothing but what was put off." : tower.currentVersion ? `There is nothing newer than ${version(tower.currentVersion)}. As soon as the vendor offers a release, it is downloaded and shown here.` : "The vendor has offered nothing yet. As soon as it does, the release is downloaded and shown here."),
        shown.map((offer) => card(tower, offer, settings)),
      ];
    },
  };
}

function card(tower, offer, settings) {
  const [kind, word] = offer.declinedAt ? ["off", "Not now"] : words(releaseStates, offer.status);
  const days = Math.floor((clock.now() - Date.parse(offer.receivedAt)) / 86_400_000);
  return el("article.card", { key: offer.id, class: kind === "off" ? "" : kind, "aria-label": version(offer.version) },
    el("div.row.between", el("h2.figure", version(offer.version)), badge(kind, word)),
    offer.isForced && forced(offer),
    offer.declinedAt && el("p.note", "Put off by ", el("strong", offer.declinedBy ?? "an admin"), ", ", timeElement(offer.declinedAt, { form: "relative" }), ": ", el("span.text", offer.declinedReason ?? "")),
    offer.scheduledFor && ["scheduled", "inProgress"].includes(offer.status) && el("p", "Scheduled for ", el("strong", timeElement(offer.scheduledFor)), offer.isAutomatic ? " by your policy Automatic." : ` by ${offer.scheduledBy ?? "an admin"}.`,
      offer.windowOverride && el("span.text", ` Outside the windows: ${offer.windowOverride}`)),
    offer.errorMessage && el("div.stack.tight", el("p", offer.failureReason === returned ? badge("info", "It ran, and was gone back from") : [badge(offer.status === "cancelled" ? "off" : "bad", "Last attempt"), " ", el("span.text", reason(offer.failureReason))]), el("pre", offer.errorMessage)),
    actions(tower, offer),
    el("div.grid",
      el("section.stack.tight", el("h3", "Release"),
        facts([
          ["Offered", timeElement(offer.receivedAt), days > 0 && ` (${days} ${days === 1 ? "day" : "days"} ago)`],
          offer.minCurrentVersion && ["Can be deployed from", `${version(offer.minCurrentVersion)} on`],
          ["Database migration", offer.isMigrationRequired ? badge("warn", "Needed") : "not needed"],
          offer.estimatedDowntime && ["Expected downtime", offer.estimatedDowntime],
          offer.attempt > 0 && ["Attempts so far", String(offer.attempt)],
        ]),
        offer.releaseNotes && el("details", { open: true }, el("summary", "Release notes"), el("p.text.notes", offer.releaseNotes))),
      download(offer),
      changes(tower, offer, settings),
      el("section.stack.tight", el("div.row.between", el("h3", "Checks by the Agent"),
        tower.canOperate && tower.deployment && offer.chartDownloaded && !["scheduled", "inProgress"].includes(offer.status) && el("button.quiet", { type: "button", "aria-label": `Check ${version(offer.version)} again`, on: { click: () => lookAgain(tower, offer) } }, icon("run"), "Check again")),
        checks(offer.preflight, !tower.deployment),
        offer.preflight?.completedAt && el("p.hint", "Looked at ", timeElement(offer.preflight.completedAt)))));
}

function forced(offer) {
  const rest = Date.parse(offer.forceDeadline) - clock.now();
  return el("p.note.warn", badge("warn", "Forced by the vendor"),
    offer.forceDeadline ? [" It has to be installed by ", el("strong", timeElement(offer.forceDeadline, { form: "absolute" })), rest > 0 ? `: ${span(rest)} are left. Reminded ${offer.remindersSent} times.` : ": that has passed."] : " It has no deadline yet.");
}

function actions(tower, offer) {
  if (!tower.canOperate) return el("p.hint", "Your role reads. An operator or an admin decides when it is deployed.");
  const active = tower.active;
  if (offer.status === "inProgress" || (active?.release?.id === offer.id && active.isBegun)) return el("div.actions", el("a.button.primary", { href: href("live") }, "Watch it"));
  if (offer.status === "scheduled") {
    return el("div.actions",
      el("button", { type: "button", on: { click: () => schedule(tower, offer, offer.scheduledFor) } }, icon("schedule"), "Choose another time"),
      active && el("button", { type: "button", on: { click: () => cancel(tower, active) } }, "Cancel it"));
  }
  const blocked = !offer.chartDownloaded ? "It can be scheduled once it is downloaded and verified."
    : active ? "Another deployment is scheduled or under way: cancel it first, or wait until it is done." : null;
  return el("div.stack.tight", el("div.actions",
    el("button.primary", { type: "button", disabled: blocked !== null, "aria-describedby": blocked ? `blocked-${offer.id}` : null, on: { click: () => schedule(tower, offer) } }, icon("schedule"), `Schedule ${version(offer.version)}`),
    offer.declinedAt ? el("button", { type: "button", on: { click: () => takeBackDecline(tower, offer) } }, "Take “not now” back")
      : !["failed", "rolledBack"].includes(offer.status) && el("button", { type: "button", on: { click: () => decline(tower, offer) } }, "Not now")),
    blocked && el("p.hint", { id: `blocked-${offer.id}` }, blocked));
}

function download(offer) {
  const share = offer.totalBytes ? offer.downloadedBytes / offer.totalBytes : null;
  const signature = offer.preflight?.checks?.find((check) => check.name === "Release");
  return el("section.stack.tight", el("h3", "Download and proof"),
    offer.chartDownloaded ? el("p", badge("good", "Downloaded"), " ", offer.totalBytes ? `${bytes(offer.totalBytes)}, whole` : "whole", ", in your bucket. Installing it is a step of its own.")
      : el("div.stack.tight",
        progress("Downloading", share, `${bytes(offer.downloadedBytes)}${offer.totalBytes ? ` of ${bytes(offer.totalBytes)}` : ""}${share === null ? "" : ` · ${Math.floor(share * 100)} %`}`),
        offer.downloadedBytes > 0 && offer.downloadAttempts > 0 && el("p.hint", "It goes on where it was interrupted."),
        offer.downloadError && el("p.problem", badge("bad", `Attempt ${offer.downloadAttempts} failed`), " ", el("span.text", offer.downloadError)),
        offer.nextDownloadAt && el("p", "Tried again by itself ", timeElement(offer.nextDownloadAt, { form: "relative" }))),
    offer.artifactSha256 && facts([
      ["SHA-256", el("code", offer.artifactSha256)],
      ["Digest", offer.chartDownloaded ? "verified by this server when it was downloaded, and by the Agent before it is deployed" : "is verified once it is downloaded"],
      ["Signature", signature ? el("span.text", `${signature.status === "Passed" ? "verified by the Agent: " : "the Agent says: "}${signature.message}`) : "is verified by the Agent, which alone holds the vendor's keys"],
    ]));
}

/** What would be another: images, and settings that it brings and that are not here. */
function changes(tower, offer, settings) {
  const present = tower.deployment?.status?.current?.release?.imageTags ?? {};
  const tags = Object.entries(offer.imageTags ?? {});
  const fresh = (offer.newNonEssentialEnvs ?? []).map((one) => ({ ...one, here: settings?.get(one.key) }));
  const values = offer.preflight?.checks?.find((check) => check.name === "Settings");
  return el("section.stack.tight", el("h3", "What changes"),
    tags.length > 0 && el("ul.plain.changes", { "aria-label": "Images" }, tags.map(([name, tag]) => el("li", { key: name }, el("strong", name),
      present[name] === tag ? el("span.muted", `${tag} (as now)`) : el("span", el("span.mono.muted", present[name] ?? "new"), " → ", el("span.mono", tag))))),
    fresh.length > 0 && el("p", "Settings that it brings:"),
    fresh.length > 0 && el("ul.plain.changes", { "aria-label": "Settings" }, fresh.map((one) => el("li", { key: one.key }, el("code", one.key),
      settings === null ? el("span", "brings the value ", el("code", one.value), ", unless it is here already")
        : one.here !== undefined ? el("span", "is here already and stays ", el("code", one.here)) : el("span", "new, with the value ", el("code", one.value))))),
    values && values.status !== "Passed" && el("p.note.warn", badge("warn", "Values"), " ", el("span.text", values.message)),
    tags.length === 0 && fresh.length === 0 && el("p.muted", "The vendor names no images or settings."));
}
