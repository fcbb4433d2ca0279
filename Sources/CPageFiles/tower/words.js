// Plain words for what the API calls by one word.

export const releaseStates = {
  pending: ["wait", "Waits for your decision"],
  downloadFailed: ["bad", "Download failed"],
  scheduled: ["wait", "Scheduled"],
  missedSchedule: ["warn", "Missed its time"],
  inProgress: ["run", "Being deployed"],
  success: ["good", "Deployed"],
  failed: ["bad", "Failed"],
  rolledBack: ["warn", "Rolled back"],
  deadlineExceeded: ["bad", "Past its deadline"],
  cancelled: ["off", "Cancelled"],
};

export const checkStates = {
  Passed: ["good", "Passed"],
  Warning: ["warn", "Mind"],
  Failed: ["bad", "Failed"],
  Unknown: ["info", "Not known"],
  Skipped: ["info", "Not looked at"],
};

export const checkNames = {
  Release: "Signature", Artifact: "Artifact and digest", Settings: "Settings and values", Images: "Images", DiskSpace: "Room on the disk",
  Ports: "Ports", Render: "Rendering", Permissions: "Permissions", Capacity: "Capacity",
};

/** What an Agent does one after the other; some of it only with Helm, or only with Compose. */
export const steps = [
  [["Preparing"], "Prepare"],
  [["Downloading"], "Fetch the artifact"],
  [["Verifying"], "Verify signature and digest"],
  [["Pulling"], "Pull images"],
  [["Starting", "Upgrading", "RollingBack"], "Change what runs"],
  [["WaitingForWorkloads"], "Wait until services are healthy"],
  [["ReplacingAgent"], "Replace the Agent"],
  [["Recording"], "Record the result"],
];

/** What each condition of the record says where it is True, and where it is False. */
export const conditionNames = {
  Ready: ["Ready", "Not ready"], Reconciling: ["Working", "Not working"], Stalled: ["Stopped", "Goes on"], Trusted: ["Signed", "Signatures not demanded"],
  Scheduled: ["Due", "Not due"], Licensed: ["Licensed", "Not licensed", "Licence not checked"], ArtifactVerified: ["Artifact verified", "Artifact not verified"],
  Released: ["Deployed", "Not deployed"], Healthy: ["Healthy", "Not healthy"], Drifted: ["Changed by others", "Unchanged"], Remediated: ["Rolled back", "Not rolled back"],
};

export const watchStates = {
  watching: ["run", "Watched"],
  passed: ["good", "Stayed healthy"],
  unknown: ["warn", "Nobody could look at it to its end"],
  returning: ["run", "Went bad, and is being rolled back"],
  superseded: ["off", "Ended by another deployment"],
  rolledBack: ["warn", "Went bad, and was rolled back"],
  unhealthy: ["bad", "Went bad"],
};

export const historyStates = {
  success: ["good", "Deployed"],
  failed: ["bad", "Failed"],
  rolledBack: ["warn", "Failed, rolled back"],
};

export const licenseStates = {
  Valid: ["good", "Valid"], NotConfigured: ["off", "None"], Expired: ["bad", "Expired"], NotYetValid: ["warn", "Not valid yet"],
};

export const severities = {
  info: ["info", "Note"], warning: ["warn", "Mind"], critical: ["bad", "Urgent"], error: ["bad", "Fault"], urgent: ["bad", "Urgent"],
};

const taskStates = {
  pending: ["wait", "Waits"], inProgress: ["run", "Under way"], completed: ["good", "Done"], failed: ["bad", "Failed"],
};

/** Of a task of the Agent: sign and words. */
export function taskState(word) { return words(taskStates, word); }

const reasons = {
  WorkloadCrashed: "A service crashes again and again", WorkloadUnhealthy: "A service is not healthy", WorkloadCannotStart: "A service cannot start",
  Unschedulable: "There is no room for a service", ImagePullFailed: "An image could not be fetched", DeploymentFailed: "The deployment failed",
  RolledBack: "Somebody went back from it", SignatureInvalid: "The vendor's signature is not valid", ReleaseNotSigned: "The vendor has not signed it",
};

/** Why something failed, in words where this page has some. */
export function reason(word) { return reasons[word] ?? sentenceOf(word); }

/** `ManifestExpired` as `Manifest expired`. */
function sentenceOf(word) {
  const text = String(word ?? "");
  return /^([A-Z][a-z0-9]+){2,}$/.test(text) ? text[0] + text.slice(1).replace(/[A-Z]/g, (sign) => ` ${sign.toLowerCase()}`) : text;
}

/** The sign and the words of a state, or the API's own word where this page does not know it. */
export function words(table, word) {
  return table[word] ?? ["info", String(word ?? "Not known")];
}

/** `v2.3.0` */
export function version(text) {
  if (!text) return "nothing";
  return /^v/.test(text) ? text : `v${text}`;
}

/** What the API says, as a sentence of a page. */
export function sentence(text) {
  const trimmed = String(text ?? "").trim();
  if (!trimmed) return "";
  return trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? "" : ".");
}
