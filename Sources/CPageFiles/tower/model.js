// What the page knows: gathered by watches and by asking again, read by every view.

import { clock } from "../shared/api.js";
import { Polling, ResourceWatch } from "../shared/resources.js";
import { full, relative } from "../shared/time.js";
import { version } from "./words.js";

const deployments = "/apis/deploy.wrktalk.com/v1/desireddeployments";

export class Tower {
  constructor(api, update) {
    this.api = api;
    this.record = new ResourceWatch(api, deployments, { limit: 200 });
    this.releases = new Polling(api, () => "/api/admin/deployment/releases?limit=50", { interval: 4000 });
    this.status = new Polling(api, () => "/api/admin/status", { interval: 5000 });
    this.policy = new Polling(api, () => "/api/admin/policy", { interval: 20_000 });
    this.openings = new Polling(api, () => "/api/admin/windows/next?count=40", { interval: 60_000 });
    this.license = new Polling(api, () => "/api/admin/license", { interval: 60_000 });
    this.notices = new Polling(api, () => "/api/admin/notices?limit=20", { interval: 10_000 });
    this.all = [this.record, this.releases, this.status, this.policy, this.openings, this.license, this.notices];
    for (const source of this.all) source.addEventListener("change", update);
    // What the Agent reports changes what the server says of releases.
    this.record.addEventListener("change", () => this.refreshSoon());
  }

  start() { for (const source of this.all) source.start(); }

  stop() {
    clearTimeout(this.refreshing);
    for (const source of this.all) source.stop();
  }

  refreshSoon() {
    if (this.refreshing) return;
    this.refreshing = setTimeout(() => {
      this.refreshing = null;
      this.releases.refresh();
      this.status.refresh();
    }, 300);
  }

  /** After something was changed here. */
  refresh() {
    for (const source of this.all) if (source instanceof Polling) source.refresh();
  }

  // MARK: What is there

  get canOperate() { return this.api.hasRole("admin", "operator"); }
  get isAdmin() { return this.api.hasRole("admin"); }
  get isLoaded() { return this.releases.value !== null && this.status.value !== null; }

  /** The first of what keeps this page from knowing how things stand. */
  get problem() { return [this.releases, this.status, this.record].find((source) => source.problem)?.problem ?? null; }

  /** The DesiredDeployment that this server asks its Agent for. */
  get deployment() {
    const { namespace, name } = this.status.value ?? {};
    return this.record.items.get(`${namespace}/${name}`) ?? this.record.items.values().next().value ?? null;
  }

  condition(type) { return this.deployment?.status?.conditions?.find((one) => one.type === type) ?? null; }

  get currentVersion() { return this.releases.value?.currentVersion ?? null; }
  get offers() { return this.releases.value?.pending ?? []; }
  get scheduled() { return this.releases.value?.scheduled ?? []; }
  get history() { return this.releases.value?.history ?? []; }

  /** What is scheduled or being done: a release with its task, or a rollback. */
  get active() {
    const one = this.scheduled[0];
    if (!one) return null;
    const task = one.task ?? null;
    const isBegun = one.status === "inProgress" || task?.status === "inProgress"
      || (task && this.deployment?.status?.progress && !this.isInSync);
    const target = one.rollback ? task?.payload?.version ?? task?.payload?.targetVersion ?? task?.version ?? null : one.version;
    return { release: one.rollback ? null : one, task, isRollback: one.rollback === true || task?.isRollback === true, isBegun: Boolean(isBegun), version: target,
      at: task?.executeAfter ?? one.scheduledFor ?? null };
  }

  get isInSync() { return this.condition("Ready")?.status === "True"; }

  /** Offers that somebody may decide about, the newest first. */
  get decidable() { return this.offers.filter((offer) => ["pending", "missedSchedule", "deadlineExceeded"].includes(offer.status)); }

  /** `{services: [{name, version, replicas, kind, word}]}` by what the Agent saw. */
  get services() {
    const status = this.deployment?.status;
    if (!status?.current) return [];
    const health = this.condition("Healthy");
    const isHeard = this.status.value?.agent?.isOnline !== false;
    const tags = status.current.release?.imageTags ?? {};
    const listed = status.current.services ?? Object.keys(status.current.imageDigests ?? {}).map((name) => ({ name }));
    return listed.map((service) => {
      const isNamed = health?.status === "False" && new RegExp(`(^|[^A-Za-z0-9_-])${service.name.replace(/[^A-Za-z0-9_-]/g, "\\$&")}([^A-Za-z0-9_-]|$)`).test(health.message ?? "");
      const [kind, word] = !isHeard ? ["info", "Not known: the Agent is away"]
        : service.runsToCompletion ? ["good", "Done"]
        : health?.status === "True" ? ["good", "Healthy"]
        : isNamed ? ["bad", "Not healthy"]
        : health?.status === "False" ? ["warn", "See the message"] : ["info", "Not known"];
      return { name: service.name, tag: tags[service.name] ?? imageTag(service.image), image: service.image ?? null, replicas: service.replicas ?? null, kind, word };
    });
  }

  /** Whether the last attempt failed and has changed nothing, or was taken back. */
  get failure() { return this.deployment?.status?.failure ?? null; }
}

function imageTag(image) { return /:([^@/]+)(@|$)/.exec(image ?? "")?.[1] ?? ""; }

/**
 * One sentence that says how things stand, what to do next, and when the next thing happens.
 * @returns {{kind: string, sentence: string, more?: string, at?: string, view?: string, link?: string}}
 */
export function situation(tower, now = clock.now()) {
  if (!tower.isLoaded) return { kind: "info", sentence: "Looking at how things stand …" };
  const { agent, healthWatch } = tower.status.value;
  const running = tower.currentVersion;
  const active = tower.active;
  const license = tower.license.value;
  const away = agent.lastPoll && !agent.isOnline
    ? `The Agent was last heard of ${relative(agent.lastPoll, now)}` : agent.lastPoll ? null : "No Agent has been heard of yet";
  if (active?.isBegun) {
    const progress = tower.deployment?.status?.progress ?? active.task?.progress;
    const what = active.isRollback ? `Going back to ${version(active.version ?? tower.deployment?.spec?.version)}` : `Deploying ${version(active.version)}`;
    return { kind: away ? "warn" : "run", sentence: `${what}: ${progress?.message || "it has begun"}`, more: away ? `${away}; what it began goes on as soon as it is back.` : null, view: "live", link: "Watch it" };
  }
  if (active) {
    const what = active.isRollback ? `Going back to ${version(active.version)}` : `${version(active.version)} will be deployed`;
    if (Date.parse(active.at) <= now) {
      return away
        ? { kind: "bad", sentence: `${what} as soon as the Agent is back`, more: `${away}. See whether it runs, and whether it reaches this server.`, view: "live", link: "Details" }
        : { kind: "run", sentence: `${what} now: waiting for the Agent to begin`, view: "live", link: "Watch it" };
    }
    return { kind: "wait", sentence: `${what} ${full(active.at)}, ${relative(active.at, now)}`, at: active.at,
      more: away ? `${away}; it has to be back by then.` : active.release?.isAutomatic ? "Scheduled by your policy Automatic." : `Scheduled by ${active.release?.scheduledBy ?? active.task?.requestedBy ?? "an admin"}.`, view: "offers", link: "Change or cancel" };
  }
  if (license && license.valid === false) {
    return { kind: "bad", sentence: `${running ? `${version(running)} goes on running, but nothing` : "Nothing"} can be deployed: ${license.message}`, view: "settings", link: "See the licence" };
  }
  if (away && running) return { kind: "bad", sentence: `${away}. What runs goes on; nothing can be deployed or corrected until it is back.`, more: `Last known: ${version(running)}. See whether the Agent runs, and whether it reaches this server.` };
  const ready = tower.condition("Ready");
  if (ready?.status === "False" && tower.failure) {
    return { kind: "bad", sentence: `${version(tower.failure.version)} could not be deployed${running && running !== tower.failure.version ? `; ${version(running)} runs` : ""}`,
      more: tower.failure.message, view: "live", link: "See why" };
  }
  const last = tower.history[0];
  const isPutOff = tower.offers.some((offer) => offer.gccReleaseId === last?.gccReleaseId && offer.declinedAt);
  const failedLast = last && ["failed", "rolledBack"].includes(last.status) && !isPutOff && now - Date.parse(last.deployedAt) < 86_400_000 ? last : null;
  const health = tower.condition("Healthy");
  if (running && health?.status === "False") {
    return { kind: "bad", sentence: `${version(running)} runs, but not in full health`, more: health.message, view: "live", link: "See services" };
  }
  // What waits for a person comes before a watch that goes well, and after one that does not.
  const watch = watching(healthWatch, running, now);
  const newest = tower.decidable.find((offer) => !offer.declinedAt);
  if (newest && watch?.kind !== "warn") return waiting(tower, newest, watch?.sentence ?? (running ? `${version(running)} runs` : "Nothing runs yet"), now);
  if (watch) return watch;
  const failedDownload = tower.offers.find((offer) => offer.status === "downloadFailed");
  if (failedDownload) return { kind: "warn", sentence: `${version(failedDownload.version)} could not be downloaded`, more: failedDownload.downloadError, view: "offers", link: "See the offer" };
  if (failedLast) {
    return { kind: "warn", sentence: `${version(failedLast.version)} failed${running ? `, and ${version(running)} runs` : ""}`, more: failedLast.errorMessage, view: "history", link: "See what happened" };
  }
  if (!running) return { kind: "info", sentence: "Nothing is deployed yet, and nothing is offered", more: away ? `${away}.` : "As soon as the vendor offers a release, it is downloaded and shown here." };
  if (health?.status !== "True") {
    return { kind: "info", sentence: `${version(running)} runs. Whether it is healthy is not known.`, view: "live", link: "See services",
      more: healthWatch?.state === "unknown" && healthWatch.version === running ? "Nobody could look at it after its deployment: see for yourself." : null };
  }
  return { kind: "good", sentence: `${version(running)} runs in full health. There is nothing to do.` };
}

function watching(healthWatch, running, now) {
  if (healthWatch?.state !== "watching" || healthWatch.version !== running) return null;
  const rest = Date.parse(healthWatch.endsAt) - now;
  const bad = healthWatch.badSince ? ` It has looked bad since ${relative(healthWatch.badSince, now)}.` : "";
  return { kind: bad ? "warn" : "good", sentence: `${version(running)} was deployed and is watched for ${rest > 60_000 ? `${Math.ceil(rest / 60_000)} min more` : "a moment more"}`,
    more: `If it goes bad and stays so, it is rolled back by itself.${bad}`, view: "live", link: "Watch it" };
}

/** @param {string} runs What runs meanwhile, without a full stop. */
function waiting(tower, offer, runs, now) {
  if (!offer.chartDownloaded) {
    return { kind: "wait", sentence: `${version(offer.version)} is being downloaded`, more: `${runs}. It can be scheduled once its artifact is here, whole and verified.`, view: "offers", link: "See the offer" };
  }
  const failed = (offer.preflight?.checks ?? []).find((check) => check.status === "Failed");
  if (failed) return { kind: "warn", sentence: `${version(offer.version)} is offered, and a check says that it would not do well here`, more: failed.message, view: "offers", link: "See the checks" };
  const policy = tower.policy.value?.deploymentPolicy;
  const windows = tower.openings.value;
  const next = windows?.next?.[0];
  if (windows?.freeze) {
    return { kind: "wait", sentence: `Waiting: a freeze is in force (${windows.freeze})${next ? `; the next fitting time is ${full(next.start, next.timeZone)}, ${relative(next.start, now)}` : ""}`,
      more: `${version(offer.version)} is offered. ${runs}.`, view: "offers", link: "See the offer" };
  }
  if (policy === "Automatic" && next && !windows.isOpen) {
    return { kind: "wait", sentence: `Waiting for your window: ${full(next.start, next.timeZone)}, ${relative(next.start, now)}`, more: `${version(offer.version)} is deployed then by your policy Automatic. ${runs}.`, view: "offers", link: "See the offer" };
  }
  const when = !windows ? "" : windows.isOpen ? "It may begin now." : next ? `The next window begins ${full(next.start, next.timeZone)}, ${relative(next.start, now)}.` : "";
  const forced = offer.forceDeadline ? ` The vendor wants it installed by ${full(offer.forceDeadline)}, ${relative(offer.forceDeadline, now)}.` : "";
  return { kind: offer.forceDeadline ? "warn" : "wait", sentence: `${version(offer.version)} waits for you to say when. ${when}${forced}`.trim(), more: `${runs}.`, view: "offers", link: "Look at it and schedule" };
}
