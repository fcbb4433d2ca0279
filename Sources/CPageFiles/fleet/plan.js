// Plan before start: who would be in which stage as things are now, shown before anything moves. A rollout is made only while that
// still holds; each stage takes who is there when it begins.

import { Cancelled } from "../shared/api.js";
import { ask, field } from "../shared/dialog.js";
import { el, render } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { wholeList } from "../shared/resources.js";
import { parseStages, standardStages } from "./stages.js";
import { customers, foreign } from "./words.js";

const digestAnnotation = "deploy.wrktalk.com/planDigest";
/** What the server names where the plan is another now. */
const digestField = `metadata.annotations[${digestAnnotation}]`;

export async function planDialog(api, router, release = "") {
  const version = el("input", { required: true, value: release, spellcheck: "false", autocomplete: "off", list: "plan-releases", placeholder: "such as 2.3.0" });
  const name = el("input", { spellcheck: "false", autocomplete: "off", placeholder: "release-2.3.0" });
  const stages = el("textarea", { rows: "6", required: true, spellcheck: "false", value: standardStages });
  const previous = el("input", { type: "checkbox" });
  const shown = el("div", { role: "status", own: true });
  const known = el("datalist", { id: "plan-releases" });
  wholeList(api, "/api/internal/releases", "releases")
    .then(({ items }) => render(known, items.filter((one) => !one.withdrawn).map((one) => el("option", { value: one.version }))), () => {});
  let plan = null;
  const forget = () => {
    plan = null;
    render(shown);
    button().textContent = "Show the plan";
  };
  const button = () => shown.closest("form").querySelector("button[type=submit]");
  for (const input of [version, name, stages, previous]) input.addEventListener("input", forget);
  const started = await ask({
    title: "Plan a rollout", action: "Show the plan",
    body: [field("Release", version), known, field("Name", name, "Without one: release- and the version."),
      field("Stages", stages, "One a line: a name, a colon, who is in it (5%, 20, label ring=canary, only a,b or everyone), and rules (success 95%, failures 3, failures 2%, reports 10, soak 30m, silent 3d, approval, at-once 50, per-minute 100)."),
      el("label.choice", previous, el("span", "When it halts, offer the version before to those who run it already")), shown],
    submit: async () => {
      const spec = { release: version.value.trim(), onHalt: previous.checked ? "OfferPrevious" : "Hold", stages: parseStages(stages.value) };
      if (!plan) {
        plan = { spec, answer: await api.change("POST", "/api/internal/rollouts/plan", { spec }) };
        render(shown, planned(plan.answer));
        button().textContent = "Start it as shown";
        // The dialog stays, for the person to look at it.
        throw new Cancelled();
      }
      const metadata = { name: name.value.trim() || `release-${plan.spec.release}`, annotations: { [digestAnnotation]: plan.answer.digest } };
      try {
        return await api.change("POST", "/apis/deploy.wrktalk.com/v1/rollouts", {
          apiVersion: "deploy.wrktalk.com/v1", kind: "Rollout", metadata, spec: plan.spec,
        });
      } catch (error) {
        if (error.causes?.some((cause) => cause.field === digestField)) forget();
        throw error;
      }
    },
  });
  if (started) router.go("rollouts", {}, { id: started.metadata.name });
}

/** Names, as many of them as the server gives. */
function named(title, names, total) {
  return el("details.small", el("summary", title), el("p.text", foreign(names.join("\n"))), total > names.length && el("p.muted", `and ${total - names.length} more, which the plan does not name`));
}

export function planned(plan) {
  return el("div.stack", el("h3", "The plan"), el("p.note", "Nothing has moved yet. This is the plan as of now: it is started only while it still holds. The first stage begins with it; later stages take who is there when they begin, and a last stage of everyone also those that join afterwards."),
    el("ol.plain", plan.stages.map((stage) => el("li.card",
      el("div.row.between", el("strong", stage.name), el("span", customers(stage.members))),
      el("p.muted.small", stage.failureBudget === undefined ? "No number of failures halts it." : `It halts at more than ${stage.failureBudget} failures, if everybody reports.`),
      stage.organizations.length > 0 && el("p.small", foreign(stage.organizations.slice(0, 8).join(", ")), stage.members > 8 && ` and ${stage.members - 8} more`),
      stage.organizations.length > 8 && named("Their names", stage.organizations, stage.members),
      stage.blockedMembers > 0 && el("p.small", badge("off", `${stage.blockedMembers} passed over`), " ", foreign(stage.blocked.slice(0, 3).map((one) => `${one.organization}: ${one.message}`).join("; "))),
      stage.blocked.length > 3 && named("All that are passed over", stage.blocked.map((one) => `${one.organization}: ${one.message}`), stage.blockedMembers),
      stage.alreadyThereMembers > 0 && el("p.small", badge("good", `${stage.alreadyThereMembers} run it already`)),
      stage.notFound.length > 0 && el("p.small", badge("warn", "Not found"), " ", foreign(stage.notFound.slice(0, 8).join(", "))),
      stage.doubts.length > 0 && el("p.small", badge("warn", "Mind"), " ", foreign(stage.doubts.slice(0, 3).map((one) => `${one.organization}: ${one.message}`).join("; ")))))),
    plan.unreached > 0 && el("p.note.warn", `${customers(plan.unreached)} are in no stage.`),
    plan.withTarget > 0 && el("p.muted.small", `${customers(plan.withTarget)} have a target of this release already.`));
}
