// Stages as people write them: one a line, a name, who is in it, and what holds before the next one starts.

/** Stages that most begin with. */
export const standardStages = `canary: 1% success 95% failures 3
half: 50% success 98% failures 2% soak 30m
rest: everyone`;

const known = "there are success, failures, reports, soak, silent, approval, at-once and per-minute";

/** What each rule sets, of the stage or of its gate; `percent` where it may be written with a percent sign, and what it sets then. */
const rules = {
  success: { gate: "successPercent", percent: "successPercent" },
  failures: { gate: "maxFailures", percent: "maxFailuresPercent" },
  reports: { gate: "minReports" },
  soak: { gate: "soak", isSpan: true },
  silent: { gate: "silentAfter", isSpan: true },
  approval: { gate: "approval", isAlone: true },
  "at-once": { stage: "maxInFlight" },
  "per-minute": { stage: "startsPerMinute" },
};

/**
 * Reads `NAME: WHO RULES…`, one a line. WHO is `5%`, `20` (customers), `label ring=canary`, `only a,b` or `everyone`; rules are
 * `success 95%`, `failures 3`, `failures 2%`, `reports 10`, `soak 30m`, `silent 3d`, `approval`, `at-once 50`, `per-minute 100`.
 * @throws {Error} which names the stage and what is wrong with it
 */
export function parseStages(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (lines.length === 0) throw new Error("There is no stage: write one a line, such as canary: 5%");
  return lines.map((line, index) => {
    const fail = (why) => { throw new Error(`Stage ${index + 1} (${line.slice(0, 60)}): ${why}`); };
    return parseStage(line, fail);
  });
}

function parseStage(line, fail) {
  const match = /^([^:\s]+)\s*:\s*(.+)$/.exec(line);
  if (!match) fail("write a name, a colon and who is in it, such as canary: 5%");
  const words = match[2].split(/\s+/);
  const stage = { name: match[1], ...members(words, fail) };
  const gate = {};
  while (words.length > 0) {
    const word = words.shift();
    const rule = Object.hasOwn(rules, word) ? rules[word] : fail(`“${word}” is no rule: ${known}`);
    const value = rule.isAlone ? true : words.shift() ?? fail(`${word} needs a value`);
    const [field, read] = setting(word, rule, value, fail);
    const target = rule.stage ? stage : gate;
    if (field in target) fail(`${word} is written twice`);
    target[field] = read;
  }
  if (Object.keys(gate).length > 0) stage.gate = gate;
  return stage;
}

/** Takes from the words who is in the stage. */
function members(words, fail) {
  const who = words.shift();
  const list = () => (words.shift() ?? "").split(",").filter(Boolean);
  if (/^\d+%$/.test(who)) return { percent: Number.parseInt(who, 10) };
  if (/^\d+$/.test(who)) return { count: Number.parseInt(who, 10) };
  if (who === "everyone") return {};
  if (who === "only") {
    const organizations = list();
    return organizations.length > 0 ? { organizations } : fail("only needs names, such as only a,b");
  }
  if (who !== "label") fail(`“${who}” says nobody: write 5%, 20, label ring=canary, only a,b or everyone`);
  // Without a label it would be everybody.
  const pairs = list().map((pair) => /^([^=]+)=([^=]*)$/.exec(pair) ?? fail("a label is written key=value"));
  if (pairs.length === 0) fail("label needs one, such as label ring=canary");
  return { selector: { matchLabels: Object.fromEntries(pairs.map(([, key, value]) => [key, value])) } };
}

/** @returns {[string, any]} which field it is, and its value */
function setting(word, rule, value, fail) {
  if (rule.isAlone) return [rule.gate, true];
  if (rule.isSpan) return [rule.gate, value];
  const match = /^(\d+)(%?)$/.exec(value) ?? fail(`${word} ${value}: a whole number is needed`);
  if (match[2] && !rule.percent) fail(`${word} ${value}: it is a number of customers, not a share of them`);
  return [match[2] ? rule.percent : rule.gate ?? rule.stage, Number.parseInt(match[1], 10)];
}
