// Now: one sentence of how things stand, and what lies behind it.

import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { href } from "../shared/router.js";
import { timeElement } from "../shared/time.js";
import { facts } from "./pieces.js";
import { situation } from "./model.js";
import { licenseStates, sentence, severities, version, words } from "./words.js";

const kinds = { good: "All is well", bad: "Needs you", warn: "Needs a look", wait: "Waiting", run: "Under way", info: "For your information" };

export function nowView({ state, update }) {
  const tower = state.tower;
  let minute = 0;
  return {
    title: "Now",
    // Sentences hold spans of time.
    tick() { if ((minute = (minute + 1) % 5) === 0) update(); },
    show() {
      const now = situation(tower);
      return [
        el("h1.visually-hidden", "Now"),
        el("section.card", { class: now.kind, "aria-label": "How things stand", "aria-live": "polite" },
          badge(now.kind, kinds[now.kind]),
          el("p.lead", now.sentence),
          now.more && el("p.text", now.more),
          now.view && el("div.actions", el("a.button.primary", { href: href(now.view) }, now.link))),
        tower.isLoaded && el("div.grid.small", running(tower), agent(tower), vendor(tower), license(tower)),
        tower.isLoaded && services(tower),
        notices(tower),
      ];
    },
  };
}

function running(tower) {
  const behind = tower.status.value.behind ?? {};
  const since = tower.deployment?.status?.current?.since;
  return el("section.card", el("h2", "Running"),
    el("p.figure", tower.currentVersion ? version(tower.currentVersion) : "Nothing yet"),
    since && el("p.muted", "In full health since ", timeElement(since)),
    behind.versions > 0
      ? el("p", badge("warn", `${behind.versions} ${behind.versions === 1 ? "version" : "versions"} behind`), " ", version(behind.newest), " is offered; the first newer one came ", timeElement(behind.since, { form: "relative" }), ".")
      : tower.currentVersion && el("p", badge("good", "Up to date"), " with what the vendor offers."));
}

function agent(tower) {
  const { agent: known } = tower.status.value;
  const state = known.isOnline ? badge("good", "Connected") : known.lastPoll ? badge("bad", "Away") : badge("info", "Not heard of yet");
  return el("section.card", el("h2", "Agent"), state,
    facts([
      ["Last heard of", known.lastPoll ? timeElement(known.lastPoll) : "never"],
      ["Carries out", known.executor === "tasks" ? "tasks that it polls" : "the record that it watches"],
    ]),
    !known.isOnline && el("p", "See whether the Agent runs, and whether it reaches this server. What runs goes on meanwhile."));
}

function vendor(tower) {
  const { vendor: known, reports } = tower.status.value;
  const state = !known.isConfigured ? badge("off", "Not set up")
    : known.failures > 0 ? badge("warn", "Does not answer") : known.lastPoll ? badge("good", "Reached") : badge("info", "Not reached yet");
  return el("section.card", el("h2", "Vendor"), state,
    facts([
      ["Last asked for releases", known.lastPoll ? timeElement(known.lastPoll) : "never"],
      ["Reports that wait", reports.waiting === 0 ? "none" : `${reports.waiting}, the oldest of them since `, reports.waiting > 0 && timeElement(reports.oldest, { form: "relative" })],
    ]),
    reports.lastError && el("p.text.muted", reports.lastError));
}

function license(tower) {
  const known = tower.license.value;
  if (!known) return el("section.card", el("h2", "Licence"), el("p.muted", "…"));
  const [kind, word] = words(licenseStates, known.state);
  return el("section.card", el("h2", "Licence"), badge(known.valid === false ? "bad" : kind, word),
    known.expiresAt ? facts([["Ends", timeElement(known.expiresAt)]]) : el("p", sentence(known.message)),
    el("p", el("a", { href: href("settings") }, "See it, or set another")));
}

function services(tower) {
  const all = tower.services;
  if (all.length === 0) return null;
  const message = tower.condition("Healthy")?.message;
  return el("section.card", el("h2", "Services"),
    el("ul.plain.services", { "aria-label": "Services" }, all.map((service) => el("li", { key: service.name },
      el("strong", service.name), el("span.mono", service.tag || ""),
      service.replicas !== null && el("span.muted", `${service.replicas} ${service.replicas === 1 ? "instance" : "instances"}`),
      badge(service.kind, service.word)))),
    message && el("p.muted.text", message));
}

function notices(tower) {
  const all = tower.notices.value?.notices ?? [];
  const channels = tower.notices.value?.channels ?? [];
  return el("section.card", el("h2", "What has happened"),
    channels.length > 0 && el("p.note.warn", badge("warn", "Notices wait"), ` ${channels.map((one) => `${one.destination}: ${one.lastError ?? "not sent yet"}`).join("; ")}`),
    all.length === 0 ? el("p.muted", "No notices yet.")
      : el("ol.plain.notices", all.slice(0, 8).map((notice) => {
        const [kind, word] = words(severities, notice.severity);
        return el("li", { key: notice.id }, el("details", el("summary", badge(kind, word), el("span.text", notice.subject), timeElement(notice.createdAt, { form: "relative" })),
          el("div.stack.tight", el("p.text", notice.statement), notice.detail && el("pre", notice.detail),
            notice.nextSteps?.length > 0 && el("ul.bullets", notice.nextSteps.map((step) => el("li", step))),
            facts([["Noticed", timeElement(notice.createdAt)], notice.resolvedAt && ["Resolved", timeElement(notice.resolvedAt)]]))));
      })),
    el("p", el("a", { href: href("history") }, icon("history"), " All deployments")));
}
