import { el } from "../shared/dom.js";
import { runPage } from "../shared/shell.js";

runPage({
  name: "WrkTalk Fleet", sessionPath: "/api/admin/session",
  views: [{ path: "rollouts", label: "Rollouts", icon: "release", make: () => ({ show: () => el("h1", "Rollouts") }) }],
});
