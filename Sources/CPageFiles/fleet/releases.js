// Releases: what each is made of, who signed it, who published it.

import { ask, failure } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { bytes } from "../shared/progress.js";
import { href } from "../shared/router.js";
import { Repeating, wholeList } from "../shared/resources.js";
import { Portion, table } from "../shared/table.js";
import { timeElement } from "../shared/time.js";
import { attempt, toast } from "../shared/toast.js";
import { planDialog } from "./plan.js";
import { mayChange } from "./roles.js";
import { customers, foreign } from "./words.js";

const path = "/api/internal/releases";
/** Milliseconds from one look to the next. */
const interval = 15_000;
const steps = { ReleaseCreated: "Made", ReleaseChanged: "Changed", ReleasePublished: "Published", ReleaseDeprecated: "Deprecated", ReleaseWithdrawn: "Withdrawn", ArtifactUploaded: "Artifact uploaded" };

function releaseBadge(one) {
  if (one.withdrawn) return badge("bad", "Withdrawn");
  return { published: badge("good", "Published"), draft: badge("wait", "Draft"), deprecated: badge("off", "Deprecated") }[one.status] ?? badge("info", one.status);
}

export function releasesView({ api, router, update }) {
  let [all, problem, detail, opened] = [null, null, null, null];
  let isTruncated = false;
  const portion = new Portion(update);
  const load = async () => {
    try {
      const found = await wholeList(api, path, "releases");
      isTruncated = found.isTruncated;
      all = found.items.sort((left, right) => right.createdAt.localeCompare(left.createdAt));
      problem = null;
    } catch (error) { problem = error; }
    update();
  };
  const look = async (version) => {
    let found;
    try { found = await api.get(`${path}/${encodeURIComponent(version)}`, { unattended: true }); } catch (error) { found = { problem: error }; }
    if (opened !== version) return;
    detail = found;
    update();
  };
  const open = (version) => {
    opened = version;
    detail = null;
    return look(version);
  };
  // Others publish and withdraw, too.
  const again = new Repeating(api, () => (opened === null ? load() : look(opened)), interval);
  return {
    title: "Releases",
    start() {
      opened = null;
      load();
      again.start();
    },
    stop() {
      again.stop();
      opened = null;
    },
    show({ id }) {
      if (id) return one(id);
      opened = null;
      return [
        el("h1", "Releases"), problem && failure(problem.message),
        all === null ? el("p.muted", { role: "status" }, "Looking…") : table({
          label: "Releases, the newest first", rows: portion.of(all), key: (release) => release.version, href: (release) => href("releases", {}, release.version),
          empty: "CI has made no release yet: it uploads the artifacts, then makes a release of them.",
          columns: [
            { label: "Version", cell: (release) => el("a", { href: href("releases", {}, release.version) }, release.version) },
            { label: "State", cell: releaseBadge },
            { label: "Made", cell: (release) => [timeElement(release.createdAt), " by ", foreign(release.createdBy || "another program")] },
            { label: "Published", cell: (release) => (release.publishedAt ? timeElement(release.publishedAt) : "not yet") },
            { label: "Mind", cell: (release) => [release.isForced && badge("warn", "Forced"), release.isMigrationRequired && badge("warn", "Migrates data")] },
          ],
        }),
        all && portion.foot(all, isTruncated),
      ];
    },
  };

  function one(version) {
    if (opened !== version) open(version);
    const head = el("div.page-head", el("h1", `Release ${version}`), el("a", { href: href("releases") }, "All releases"));
    if (!detail) return [head, el("p.muted", { role: "status" }, "Looking…")];
    if (detail.problem) return [head, failure(detail.problem.message)];
    const { manifest } = detail;
    return [
      head,
      el("section.card", { "aria-label": "State" },
        el("div.row", releaseBadge(detail), detail.isForced && badge("warn", "Forced"), detail.isMigrationRequired && badge("warn", "Migrates data"),
          el("a", { href: href("failures", {}, version) }, "Failures by cause"), el("a", { href: href("fleet", { version }) }, "Who runs it")),
        el("p.text", foreign(detail.releaseNotes ?? "It has no notes.")),
        mayChange(api) && el("div.actions",
          detail.status === "draft" && el("button", { type: "button", on: { click: () => publish(version) } }, "Publish"),
          !detail.withdrawn && detail.status !== "deprecated" && el("button.primary", { type: "button", on: { click: () => planDialog(api, router, version) } }, icon("release"), "Plan a rollout"))),
      el("section.stack", el("h2", "Artifacts"), table({
        label: "Artifacts", rows: detail.artifacts, key: (artifact) => artifact.id, empty: "Nothing was uploaded yet.",
        columns: [
          { label: "What", cell: (artifact) => ({ helm: "Helm chart", compose: "Compose bundle" })[artifact.type] ?? artifact.type },
          { label: "Size", number: true, cell: (artifact) => bytes(artifact.sizeBytes) },
          { label: "SHA-256", cell: (artifact) => el("code", artifact.sha256) },
          { label: "Uploaded", cell: (artifact) => timeElement(artifact.createdAt) },
        ],
      })),
      el("section.card", { "aria-label": "Signatures" }, el("h2", "Signatures"),
        !manifest ? el("p", badge("warn", "Not signed"), " Agents that have a trust root refuse it.") : [
          el("p", manifest.isVerified ? badge("good", "Verified under this server's trust root") : manifest.isChecked ? badge("bad", "Not valid under this server's trust root") : badge("info", "Signed; this server has no trust root to verify it under")),
          el("ul.plain", manifest.keys.map((key) => el("li", "Key ", el("code", key)))),
          el("details", el("summary", "The manifest as it is signed"), el("pre", payload(manifest.text))),
        ]),
      el("section.stack", el("h2", "Who did what"), table({
        label: "Who did what", rows: detail.story, key: (entry) => `${entry.at} ${entry.action}`, empty: `Made by ${detail.createdBy || "another program"}, before there was an audit of it.`,
        columns: [
          { label: "When", cell: (entry) => timeElement(entry.at) },
          { label: "What", cell: (entry) => steps[entry.action] ?? entry.action },
          { label: "Who", cell: (entry) => foreign(entry.by) },
        ],
      })),
    ];
  }

  /** Whom it is offered to follows from the rollouts that name it; without one it is everybody. */
  async function publish(version) {
    const found = await attempt(() => Promise.all([
      api.get(`/apis/deploy.wrktalk.com/v1/rollouts?limit=20&fieldSelector=${encodeURIComponent(`spec.release=${version}`)}`),
      api.get("/api/internal/fleet/summary"),
    ]));
    if (!found) return;
    const [rollouts, summary] = [found[0].items.map((rollout) => rollout.metadata.name), found[1]];
    const done = await ask({
      title: `Publish ${version}?`, action: "Publish it", kind: rollouts.length === 0 ? "danger" : "",
      body: el("p", rollouts.length > 0 ? `It is offered in the stages of ${rollouts.join(" and ")}.`
        : `No rollout names it, so all ${customers(summary.organizations)} are offered it at once. To go in stages, close this and plan a rollout first.`),
      submit: () => api.change("POST", `${path}/${encodeURIComponent(version)}/publish`, {}).then(() => true),
    });
    if (!done) return;
    toast("good", `${version} is published.`);
    await look(version);
  }
}

/** What the envelope holds, to read. */
function payload(text) {
  try {
    const bytes = Uint8Array.from(atob(JSON.parse(text).payload), (sign) => sign.charCodeAt(0));
    return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), null, 2);
  } catch { return text; }
}
