// Plan before start: who would be in which stage, shown before anything moves; what is saved is exactly what was shown.

import { Cancelled } from "../shared/api.js";
import { ask, field } from "../shared/dialog.js";
import { el, render } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { customers, foreign } from "./words.js";

const digestAnnotation = "deploy.wrktalk.com/planDigest";

/** Stages that most begin with; each line is one. */
const standardStages = `canary: 1% success 95% failures 3
half: 50% success 98% failures 2% soak 30m
rest: everyone`;

/**
 * One stage a line: `NAME: WHO RULES…`. WHO is `5%`, `20` (customers), `label ring=canary`, `only a,b` or `everyone`; rules are
 * `success 95%`, `failures 3`, `failures 2%`, `reports 10`, `soak 30m`, `silent 3d`, `approval`, `at-once 50`, `per-minute 100`.
 */
export function parseStages(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (lines.length === 0) throw new Error("There is no stage: write one a line, such as canary: 5%");
  return lines.map((line, index) => {
    const fail = (why) => { throw new Error(`Stage ${index + 1} (${line.slice(0, 60)}): ${why}`); };
    const match = /^([^:\s]+)\s*:\s*(.+)$/.exec(line);
    if (!match) fail("write a name, a colon and who is in it, such as canary: 5%");
    const stage = { name: match[1] };
    const words = match[2].split(/\s+/);
    const who = words.shift();
    if (/^\d+%$/.test(who)) stage.percent = Number.parseInt(who, 10);
    else if (/^\d+$/.test(who)) stage.count = Number.parseInt(who, 10);
    else if (who === "label") {
      stage.selector = { matchLabels: Object.fromEntries((words.shift() ?? "").split(",").filter(Boolean).map((pair) => {
        const [key, value] = pair.split("=", 2);
        if (!key || value === undefined) fail("a label is written key=value");
        return [key, value];
      })) };
    } else if (who === "only") stage.organizations = (words.shift() ?? "").split(",").filter(Boolean);
    else if (who !== "everyone") fail(`“${who}” says nobody: write 5%, 20, label ring=canary, only a,b or everyone`);
    const gate = {};
    while (words.length > 0) {
      const rule = words.shift();
      if (rule === "approval") { gate.approval = true; continue; }
      const value = words.shift() ?? fail(`${rule} needs a value`);
      const number = Number.parseInt(value, 10);
      if (rule !== "soak" && rule !== "silent" && !/^\d+%?$/.test(value)) fail(`${rule} ${value}: a whole number is needed`);
      switch (rule) {
        case "success": gate.successPercent = number; break;
        case "failures": value.endsWith("%") ? (gate.maxFailuresPercent = number) : (gate.maxFailures = number); break;
        case "reports": gate.minReports = number; break;
        case "soak": gate.soak = value; break;
        case "silent": gate.silentAfter = value; break;
        case "at-once": stage.maxInFlight = number; break;
        case "per-minute": stage.startsPerMinute = number; break;
        default: fail(`“${rule}” is no rule: there are success, failures, reports, soak, silent, approval, at-once and per-minute`);
      }
    }
    if (Object.keys(gate).length > 0) stage.gate = gate;
    return stage;
  });
}

export async function planDialog(api, router, release = "") {
  const version = el("input", { required: true, value: release, spellcheck: "false", autocomplete: "off", list: "plan-releases", placeholder: "such as 2.3.0" });
  const name = el("input", { spellcheck: "false", autocomplete: "off", placeholder: "release-2.3.0" });
  const stages = el("textarea", { rows: "6", required: true, spellcheck: "false", value: standardStages });
  const previous = el("input", { type: "checkbox" });
  const shown = el("div", { role: "status", own: true });
  const known = el("datalist", { id: "plan-releases" });
  api.get("/api/internal/releases?limit=200", { unattended: true })
    .then(({ releases }) => render(known, releases.filter((one) => !one.withdrawn).map((one) => el("option", { value: one.version }))), () => {});
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
        if (/plan is another now/.test(error.message)) forget();
        throw error;
      }
    },
  });
  if (started) router.go("rollouts", {}, { id: started.metadata.name });
}

export function planned(plan) {
  return el("div.stack", el("h3", "The plan"), el("p.note", "Nothing has moved yet. What is started is exactly this, or nothing."),
    el("ol.plain", plan.stages.map((stage) => el("li.card",
      el("div.row.between", el("strong", stage.name), el("span", customers(stage.members))),
      el("p.muted.small", stage.failureBudget === undefined ? "No number of failures halts it." : `It halts at more than ${stage.failureBudget} failures, if everybody reports.`),
      stage.organizations.length > 0 && el("p.small", foreign(stage.organizations.slice(0, 8).join(", ")), stage.members > 8 && ` and ${stage.members - 8} more`),
      stage.blockedMembers > 0 && el("p.small", badge("off", `${stage.blockedMembers} passed over`), " ", foreign(stage.blocked.slice(0, 3).map((one) => `${one.organization}: ${one.message}`).join("; "))),
      stage.alreadyThereMembers > 0 && el("p.small", badge("good", `${stage.alreadyThereMembers} run it already`)),
      stage.notFound.length > 0 && el("p.small", badge("warn", "Not found"), " ", foreign(stage.notFound.slice(0, 8).join(", "))),
      stage.doubts.length > 0 && el("p.small", badge("warn", "Mind"), " ", foreign(stage.doubts.slice(0, 3).map((one) => `${one.organization}: ${one.message}`).join("; ")))))),
    plan.unreached > 0 && el("p.note.warn", `${customers(plan.unreached)} are in no stage.`),
    plan.withTarget > 0 && el("p.muted.small", `${customers(plan.withTarget)} have a target of this release already.`));
}
