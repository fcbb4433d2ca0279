// Changes for many customers as one job on the server, and how far each is.

import { ask } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { progress } from "../shared/progress.js";
import { Polling } from "../shared/resources.js";
import { href } from "../shared/router.js";
import { timeElement } from "../shared/time.js";
import { attempt, toast } from "../shared/toast.js";
import { count, customers, foreign } from "./words.js";

const path = "/api/internal/fleet/jobs";
const words = { label: "Label", resolveEscalations: "Resolve escalations", retry: "Retry" };

const signs = { Running: "run", Completed: "good", Cancelled: "off", Failed: "bad" };

/** The server fixes first for whom it would be; what is started within ten minutes is for exactly those. */
export async function startJob(api, request, title, body = []) {
  const prepared = await attempt(() => api.change("POST", path, { ...request, dryRun: true }));
  if (!prepared) return null;
  if (prepared.total === 0) {
    toast("info", "No customer is as you ask: there is nothing to do.");
    return null;
  }
  const job = await ask({
    title, action: `For ${customers(prepared.total)}`,
    body: [el("p.lead", inWords(request)), !request.organizations && isEverybody(request.filter) && el("p", badge("warn", "The whole fleet"), " Nothing is asked for that would leave a customer out."), body, el("p", `The server does it, whether this page is open or not. You see how far it is under Fleet.`)],
    submit: () => api.change("POST", `${path}/${encodeURIComponent(prepared.id)}/start`, {}),
  });
  if (job) toast("good", `It is begun for ${customers(job.total)}.`);
  return job;
}

/** What a job does to each of its customers. */
function inWords({ action, labels, release, resolution, type }) {
  if (action === "label") {
    return Object.entries(labels ?? {}).map(([key, value]) => (value === null ? `The label ${key} is taken away.` : `The label ${key} becomes ${value}.`)).join(" ");
  }
  if (action === "retry") return `${release} is offered once more where it failed.`;
  return `Open escalations${type ? ` of the type ${type}` : ""} are resolved: ${resolution}`;
}

function isEverybody(filter) { return Object.values(filter ?? {}).every((value) => !value); }

/** The filter that a job was begun with. Whom it means may be others by now; a job for named customers has none. */
function among(filter) {
  const query = Object.fromEntries(Object.entries(filter ?? {}).filter(([, text]) => typeof text === "string"));
  return Object.keys(query).length > 0 && el("a", { href: href("fleet", query) }, "Who is meant by it now");
}

export class Jobs {
  constructor(api, update) {
    this.api = api;
    this.polling = new Polling(api, () => path, { interval: 3000 });
    this.polling.addEventListener("change", update);
  }

  start() { this.polling.start(); }
  stop() { this.polling.stop(); }
  refresh() { this.polling.refresh(); }

  /** Those that run, and those that ended last. */
  show(mayCancel) {
    const all = this.polling.value?.jobs ?? [];
    const shown = [...all.filter((job) => job.state === "Running"), ...all.filter((job) => job.state !== "Running").slice(0, 3)];
    if (shown.length === 0) return null;
    return el("details.card", { key: "jobs", open: shown[0].state === "Running" }, el("summary", `Jobs for many customers (${count(all.filter((job) => job.state === "Running").length)} running)`),
      el("ul.plain", shown.map((job) => el("li", { key: job.id },
        progress(`${words[job.action] ?? job.action} by ${job.createdBy}`, job.total === 0 ? 1 : job.done / job.total, `${count(job.done)} of ${count(job.total)}; ${count(job.changed)} changed${job.refused ? `, ${count(job.refused)} would have too many labels` : ""}`),
        el("div.row", badge(signs[job.state] ?? "info", job.state), job.reason && foreign(job.reason), timeElement(job.createdAt), among(job.filter), foreign(inWords({ action: job.action, ...job.parameters })),
          mayCancel && job.state === "Running" && el("button.quiet", { type: "button", on: { click: () => this.cancel(job) } }, "Stop it"))))));
  }

  async cancel(job) {
    await attempt(() => this.api.change("POST", `${path}/${encodeURIComponent(job.id)}/cancel`, {}), "The job has stopped; what it has done stays done.");
    this.refresh();
  }
}
