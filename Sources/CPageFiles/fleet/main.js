import { runPage } from "../shared/shell.js";
import { auditView } from "./audit.js";
import { failuresView } from "./failures.js";
import { fleetView } from "./fleet.js";
import { releasesView } from "./releases.js";
import { rolloutsView } from "./rollouts.js";

runPage({
  name: "WrkTalk Fleet",
  sessionPath: "/api/admin/session",
  views: [
    { path: "rollouts", label: "Rollouts", icon: "release", make: rolloutsView },
    { path: "failures", label: "Failures", icon: "failures", make: failuresView },
    { path: "fleet", label: "Fleet", icon: "fleet", make: fleetView },
    { path: "releases", label: "Releases", icon: "offers", make: releasesView },
    { path: "audit", label: "Audit", icon: "audit", make: auditView },
  ],
});
