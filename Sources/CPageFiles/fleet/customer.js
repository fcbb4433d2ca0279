// One customer: whom to call, what runs, every attempt, what is to be looked after, keys and licence.

import { ask, failure, field } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { ResourceWatch } from "../shared/resources.js";
import { href } from "../shared/router.js";
import { Portion, table } from "../shared/table.js";
import { timeElement } from "../shared/time.js";
import { toast } from "../shared/toast.js";
import { mayChange } from "./roles.js";
import { blockedWords, escalationTypes, foreign, healthBadge, resultBadge, stateBadge, targetState } from "./words.js";

const group = "/apis/deploy.wrktalk.com/v1";

export class Customer {
  constructor(api, update) {
    Object.assign(this, { api, update, name: null, watches: [], extra: {} });
    this.portions = { targets: new Portion(update, 50), escalations: new Portion(update, 50), history: new Portion(update, 50) };
  }

  leave() {
    this.watches.forEach((watch) => watch.stop());
    Object.assign(this, { name: null, watches: [], extra: {} });
  }

  open(name) {
    if (name === this.name) return;
    this.leave();
    this.name = name;
    Object.values(this.portions).forEach((portion) => portion.clear());
    const watch = (plural, fieldSelector) => {
      const one = new ResourceWatch(this.api, `${group}/${plural}`, { query: { fieldSelector }, limit: 2000 });
      one.addEventListener("change", this.update);
      this.watches.push(one.start());
      return one;
    };
    this.organization = watch("organizations", `metadata.name=${name}`);
    this.targets = watch("deploymenttargets", `spec.organization=${name}`);
    this.escalations = watch("escalations", `spec.organization=${name}`);
    this.load();
  }

  async load() {
    const { name } = this;
    const path = `/api/internal/organizations/${encodeURIComponent(name)}`;
    const [history, keys, licenses] = await Promise.all(["history", "keys", "licenses"].map((what) =>
      this.api.get(`${path}/${what}`, { unattended: true }).catch((problem) => ({ problem }))));
    if (name !== this.name) return;
    this.extra = { history, keys, licenses };
    this.update();
  }

  show(name) {
    this.open(name);
    const one = [...this.organization.items.values()][0];
    const head = el("div.page-head", el("h1", foreign(name)), el("a", { href: href("fleet") }, "All customers"));
    if (this.organization.problem) return [head, failure(this.organization.problem.message)];
    if (!one) return [head, this.organization.state === "loading" ? el("p.muted", { role: "status" }, "Looking…") : el("p.empty", "There is no such customer (any more).")];
    const { spec, status = {} } = one;
    const contacts = spec.contacts ?? {};
    const conditions = [...(status.conditions ?? [])];
    return [
      head,
      el("div.grid",
        el("section.card", { "aria-label": "How it fares" }, el("h2", "How it fares"), healthBadge(status.health), el("dl.facts",
          fact("Runs", foreign(status.currentVersion ?? "not known")),
          fact("Last seen", status.lastSeen ? timeElement(status.lastSeen) : "never"),
          fact("Says of itself", foreign(status.reportedStatus ?? "nothing")),
          fact("Runs on", spec.deploymentType),
          fact("Labels", foreign(Object.entries(one.metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(", ") || "none"))),
          conditions.map((condition) => el("p.small", { key: condition.type }, el("strong", foreign(condition.type)), { True: ": yes. ", False: ": no. " }[condition.status] ?? ": not known. ", foreign(condition.message || condition.reason || "")))),
        el("section.card", { "aria-label": "Contacts" }, el("h2", "Contacts"), el("dl.facts",
          fact("Contact", foreign(contacts.spocName ?? "none")),
          fact("Mail", contacts.spocEmail ? mail(contacts.spocEmail) : "none"),
          fact("Telephone", foreign(contacts.spocPhone ?? "none")),
          fact("Account manager", foreign(contacts.accountManager ?? "none")),
          fact("Webhook", foreign(spec.webhookEndpoint ?? "none: it polls")))),
        this.licenseAndKeys(spec)),
      el("section.stack", { "aria-label": "To look after" }, el("h2", "To look after"), this.escalationList()),
      el("section.stack", { "aria-label": "Releases" }, el("h2", "Releases and attempts"), this.releases()),
      el("section.stack", { "aria-label": "History" }, el("h2", "What ran when"), this.versionHistory()),
    ];
  }

  licenseAndKeys(spec) {
    const { keys, licenses } = this.extra;
    const license = spec.license?.expiresAt;
    const isOver = license && Date.parse(license) < Date.now();
    return el("section.card", { "aria-label": "Licence and keys" }, el("h2", "Licence and keys"),
      el("p", !license ? (licenses?.licenses?.length > 0 ? badge("good", "The licence has no end") : badge("info", "No licence was issued: nothing ends its offers")) : isOver ? [badge("bad", "The licence has expired"), " ", timeElement(license)] : [badge("good", "Licensed"), " until ", timeElement(license)]),
      licenses?.licenses && el("ul.plain", licenses.licenses.slice(0, 5).map((one) => el("li.small", { key: one.id }, foreign(`${one.edition ?? "Licence"} ${one.revokedAt ? "(revoked)" : ""}`), one.expiresAt ? [" until ", timeElement(one.expiresAt, { form: "absolute" })] : ""))),
      keys?.keys && (keys.keys.length === 0 ? el("p", badge("warn", "It has no API key"), " It cannot ask for updates.")
        : el("ul.plain", keys.keys.map((key) => el("li", { key: key.id }, el("code", key.id.slice(0, 8)), " made ", timeElement(key.createdAt, { form: "absolute" }), key.lastUsedAt ? [", used ", timeElement(key.lastUsedAt, { form: "relative" })] : ", never used",
          mayChange(this.api) && el("button.quiet", { type: "button", on: { click: () => this.revoke(key) } }, `Revoke ${key.id.slice(0, 8)}`))))),
      mayChange(this.api) && el("div.actions", el("button", { type: "button", on: { click: () => this.makeKey() } }, "Make a key")));
  }

  escalationList() {
    const all = [...this.escalations.items.values()].sort((left, right) => right.metadata.creationTimestamp.localeCompare(left.metadata.creationTimestamp));
    const { escalations: portion } = this.portions;
    if (this.escalations.problem) return failure(this.escalations.problem.message);
    return [table({
      label: "Escalations, the newest first", rows: portion.of(all), key: (one) => one.metadata.name, empty: "Nothing was ever to be looked after here.",
      columns: [
        { label: "What", cell: (one) => [one.status?.resolvedAt ? badge("good", "Resolved") : badge("warn", "Open"), " ", foreign(escalationTypes[one.spec.type] ?? one.spec.type)] },
        { label: "Why", cell: (one) => foreign(one.spec.reason) },
        { label: "Since", cell: (one) => timeElement(one.metadata.creationTimestamp) },
        { label: "What was done", cell: (one) => (one.spec.resolution ? foreign(one.spec.resolution)
          : mayChange(this.api) ? el("button.quiet", { type: "button", on: { click: () => this.resolve(one) } }, "Resolve") : "nothing yet") },
      ],
    }), portion.foot(all, this.escalations.isTruncated)];
  }

  releases() {
    const all = [...this.targets.items.values()].sort((left, right) => right.metadata.creationTimestamp.localeCompare(left.metadata.creationTimestamp));
    const { targets: portion } = this.portions;
    if (this.targets.problem) return failure(this.targets.problem.message);
    return [table({
      label: "Releases, the newest first", rows: portion.of(all), key: (one) => one.metadata.name, empty: "No release was meant for it yet.",
      columns: [
        { label: "Release", cell: (one) => el("a", { href: href("releases", {}, one.spec.release) }, one.spec.release) },
        { label: "State", cell: (one) => stateBadge(targetState(one.status)) },
        { label: "Rollout", cell: (one) => one.spec.rollout && el("a", { href: href("rollouts", {}, one.spec.rollout) }, `${one.spec.rollout}, ${one.spec.stage ?? ""}`) },
        { label: "Attempt", number: true, cell: (one) => String(one.status?.attemptNumber ?? "") },
        { label: "When", cell: (one) => timeElement(one.status?.completedAt ?? one.status?.startedAt ?? one.status?.offeredAt) },
        { label: "What is known", cell: (one) => foreign([blockedWords[one.status?.blocked] ?? one.status?.blocked, one.status?.reason, one.status?.component, one.status?.errorMessage, one.status?.webhook?.error].filter(Boolean).join(" · ")) },
      ],
    }), portion.foot(all, this.targets.isTruncated)];
  }

  versionHistory() {
    const { history } = this.extra;
    if (!history) return el("p.muted", { role: "status" }, "Looking…");
    if (history.problem) return failure(history.problem.message);
    const { history: portion } = this.portions;
    return [table({
      label: "What ran when", rows: portion.of(history.history), key: (one) => `${one.version ?? one.releaseVersion} ${one.deployedAt}`, empty: "Nothing was reported yet.",
      columns: [
        { label: "Version", cell: (one) => foreign(one.version ?? one.releaseVersion) },
        { label: "Result", cell: (one) => resultBadge(one.status) },
        { label: "When", cell: (one) => timeElement(one.deployedAt) },
      ],
    }), portion.foot(history.history)];
  }

  // MARK: What a person does

  async resolve(escalation) {
    const text = el("textarea", { required: true });
    const done = await ask({
      title: "What was done about it?", action: "Resolve", body: [el("p", foreign(escalation.spec.reason)), field("What was done", text)],
      submit: () => this.api.change("PATCH", `${group}/escalations/${encodeURIComponent(escalation.metadata.name)}`, { spec: { resolution: text.value.trim() } }, { contentType: "application/merge-patch+json" }),
    });
    if (done) toast("good", "It is resolved.");
  }

  async makeKey() {
    const made = await ask({
      title: `Make ${this.name} a key?`, action: "Make it", body: el("p", "A customer has two keys at most, so that a new one can take an old one's place."),
      submit: () => this.api.change("POST", `/api/internal/organizations/${encodeURIComponent(this.name)}/keys`, {}),
    });
    if (!made) return;
    await ask({ title: "The new key", action: "I have kept it", cancel: "Close", body: [el("p", "It is shown this once. The customer's Backend needs it as WRKTALK_GCC_API_KEY."), el("pre", made.key)], submit: async () => true });
    this.load();
  }

  async revoke(key) {
    const done = await ask({
      title: `Revoke the key ${key.id.slice(0, 8)}?`, action: "Revoke it", kind: "danger", body: el("p", "Whoever uses it is refused within seconds."),
      submit: () => this.api.change("DELETE", `/api/internal/organizations/${encodeURIComponent(this.name)}/keys/${encodeURIComponent(key.id)}`).then(() => true),
    });
    if (done) this.load();
  }
}

function fact(name, value) { return [el("dt", name), el("dd", value)]; }

function mail(address) {
  return /^[^\s@<>"]+@[^\s@<>"]+$/.test(address) ? el("a", { href: `mailto:${encodeURIComponent(address).replace("%40", "@")}` }, address) : foreign(address);
}
