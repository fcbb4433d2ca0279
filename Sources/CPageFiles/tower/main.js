import { runPage } from "../shared/shell.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { Tower } from "./model.js";
import { nowView } from "./now.js";
import { offersView } from "./offers.js";
import { scheduleView } from "./schedule.js";
import { liveView } from "./live.js";
import { historyView } from "./history.js";
import { settingsView } from "./settings.js";
import { auditView } from "./audit.js";
import { peopleView } from "./people.js";
import { sentence } from "./words.js";

runPage({
  name: "Control Tower",
  sessionPath: "/api/admin/session",
  views: [
    { path: "now", label: "Now", icon: "now", make: nowView },
    { path: "offers", label: "Offers", icon: "offers", make: offersView, note: ({ state }) => state.tower?.decidable.filter((offer) => !offer.declinedAt).length || null },
    { path: "schedule", label: "Schedule", icon: "schedule", make: scheduleView },
    { path: "live", label: "Live", icon: "live", make: liveView },
    { path: "history", label: "History", icon: "history", make: historyView },
    { path: "settings", label: "Settings", icon: "settings", make: settingsView },
    { path: "audit", label: "Audit", icon: "audit", make: auditView },
    { path: "people", label: "People and tokens", icon: "people", isFor: (api) => api.hasRole("admin"), make: peopleView },
  ],
  start(context) {
    context.state.tower = new Tower(context.api, () => context.update());
    context.state.tower.start();
  },
  stop(context) { context.state.tower?.stop(); },
  banner({ state }) {
    const problem = state.tower?.problem;
    return problem && el("p.note.warn", { role: "status" }, badge("warn", "Not up to date"), " ", sentence(problem.message), " What you see is what was known last.");
  },
});
