// Schedule: who decides when releases are deployed, the windows and freezes, and a calendar of what fits.

import { clock } from "../shared/api.js";
import { ask, changed, failure, field } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge, icon } from "../shared/icons.js";
import { Polling } from "../shared/resources.js";
import { absolute, civil, clockShift, full, isZone, offsetMinutes, relative, timeElement, zone } from "../shared/time.js";
import { cancel } from "./actions.js";
import { facts } from "./pieces.js";
import { version } from "./words.js";

const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const dayNames = { Mon: "Monday", Tue: "Tuesday", Wed: "Wednesday", Thu: "Thursday", Fri: "Friday", Sat: "Saturday", Sun: "Sunday" };

export function scheduleView({ state, router, api, update }) {
  const tower = state.tower;
  const known = new Polling(api, () => "/api/admin/windows", { interval: 10_000, ask: (path, options) => api.getTagged(path, options) });
  known.addEventListener("change", update);
  /**
   * Sends the whole calendar, as the API takes it, in place of the one that the person saw.
   * @param {string} etag of that one
   */
  const replace = async (changed, etag) => {
    try {
      return await api.change("PUT", "/api/admin/windows", changed, { etag });
    } catch (error) {
      throw isOutdated(error) ? new Error("Somebody else has changed the windows or freezes meanwhile. Close this, look at what there is now, and then decide.") : error;
    } finally {
      tower.openings.refresh();
      // Before the next change, which is one of what there is then.
      await known.refresh();
    }
  };
  return {
    title: "Schedule",
    start() { known.start(); },
    stop() { known.stop(); },
    show({ query }) {
      const openings = tower.openings.value;
      const windows = known.value?.value;
      const send = (changed) => replace(changed, etag);
      const { etag } = known.value ?? {};
      const timeZone = windows?.windows?.[0]?.timeZone ?? windows?.freezes?.[0]?.timeZone ?? zone.name;
      return [
        el("h1", "Schedule"),
        el("div.grid", next(tower, openings), policy(tower, update), scheduled(tower)),
        known.problem && !windows && failure(known.problem.message),
        windows && el("div.grid", windowList(windows, send, tower), freezeList(windows, send, tower)),
        windows && calendar(openings, windows, timeZone, query.month, router, tower),
      ];
    },
  };
}

/** Whether a change was refused since what it is a change of is another now. */
function isOutdated(error) { return error.status === 409 && /changed meanwhile/.test(error.message); }

function next(tower, openings) {
  if (!openings) return el("section.card", el("h2", "Fitting times"), el("p.muted", "…"));
  return el("section.card", el("h2", "Fitting times"),
    openings.freeze ? el("p", badge("wait", "Frozen"), " ", el("span.text", openings.freeze))
      : openings.isOpen ? el("p", badge("good", "Open now"), openings.opening?.end ? [" until ", full(openings.opening.end, openings.opening.timeZone)] : " at any time")
      : el("p", badge("wait", "Closed now")),
    openings.next.length > 0 && el("ol.plain", { "aria-label": "The next fitting times" }, openings.next.slice(0, 5).map((one) => el("li", { key: one.start },
      el("strong", full(one.start, one.timeZone)), el("span.muted", ` ${relative(one.start)}${one.end ? `, until ${absolute(one.end, one.timeZone).split(", ")[1]}` : ""}`),
      changesClocks(one.start, one.end, one.timeZone) && badge("warn", "Clocks change")))),
    openings.next.length === 0 && !openings.freeze && el("p.muted", "There are no windows: a release may begin whenever somebody schedules it."));
}

function changesClocks(start, end, timeZone) {
  return end && offsetMinutes(start, timeZone) !== offsetMinutes(end, timeZone);
}

function scheduled(tower) {
  const active = tower.active;
  return el("section.card", el("h2", "Scheduled"),
    active ? el("div.stack.tight", el("p", el("strong", active.isRollback ? `Going back to ${version(active.version)}` : version(active.version))),
      el("p", timeElement(active.at)),
      active.release?.windowOverride && el("p.note.warn", badge("warn", "Outside the windows"), " ", el("span.text", active.release.windowOverride)),
      !active.isBegun && tower.canOperate && el("div.actions", el("button", { type: "button", on: { click: () => cancel(tower, active) } }, "Cancel it")))
      : el("p.muted", "Nothing is scheduled."),
    el("p", el("a", { href: "#/offers" }, "Offers")));
}

function policy(tower, update) {
  const known = tower.policy.value;
  if (!known) return el("section.card", el("h2", "Who decides"), el("p.muted", "…"));
  return el("section.card", el("h2", "Who decides"),
    known.deploymentPolicy === "Automatic" ? badge("run", "Automatic") : badge("info", "Manual"),
    el("p", known.deploymentPolicy === "Automatic" ? "Releases are deployed by themselves in your windows, once all checks have passed." : "Nothing is deployed before somebody schedules it."),
    known.automaticOffReason && el("p.note.warn", badge("warn", "Automatic turned itself off"), " ", el("span.text", known.automaticOffReason)),
    known.automaticallyScheduled && el("p", `${version(known.automaticallyScheduled.version)} is scheduled by it for `, timeElement(known.automaticallyScheduled.scheduledFor)),
    facts([["Migrations by themselves", known.automaticMigrations ? "yes" : "no, somebody schedules those"], ["Health watch", known.healthWatchMinutes === 0 ? "off" : `${known.healthWatchMinutes} min after each deployment`]]),
    tower.isAdmin && el("div.actions", el("button", { type: "button", on: { click: () => changePolicy(tower, known) } }, icon("settings"), "Change it")));
}

async function changePolicy(tower, known) {
  const automatic = el("input", { type: "radio", name: "policy", value: "Automatic", checked: known.deploymentPolicy === "Automatic" });
  const manual = el("input", { type: "radio", name: "policy", value: "Manual", checked: known.deploymentPolicy !== "Automatic" });
  const migrations = el("input", { type: "checkbox", checked: known.automaticMigrations });
  const minutes = el("input", { type: "number", min: "0", max: "1440", step: "1", required: true, value: String(known.healthWatchMinutes) });
  const answer = await ask({
    title: "Who decides when releases are deployed?",
    body: [
      el("fieldset", el("legend", "Policy"),
        el("label.choice", manual, el("span", el("strong", "Manual"), el("span.hint", " Nothing is deployed before somebody schedules it."))),
        el("label.choice", automatic, el("span", el("strong", "Automatic"), el("span.hint", " Releases are deployed in your windows once all checks have passed. This is the consent to every one that follows. It turns itself off at the first that fails or is rolled back.")))),
      el("label.choice", migrations, el("span", "Also those that migrate the database")),
      field("Health watch, in minutes", minutes, "For so long after each deployment its health is watched; where it goes bad and stays so, it is rolled back. 0 turns it off."),
    ],
    action: "Save",
    // Only what was changed here: the rest may be another by now, such as a policy that has turned itself off.
    submit: () => changed(known, { deploymentPolicy: automatic.checked ? "Automatic" : "Manual", automaticMigrations: migrations.checked, healthWatchMinutes: Number(minutes.value) },
      (fields) => tower.api.change("PUT", "/api/admin/policy", fields, { recent: fields.deploymentPolicy === "Automatic" })).catch((error) => { throw error.status === 409 ? new Error("Automatic deploys in maintenance windows, and there is none: add one first.") : error; }),
  });
  if (answer) tower.refresh();
}

// MARK: Windows and freezes

function windowText(one) {
  const when = one.days?.length === 7 || !one.days ? "Every day" : one.days.map((day) => dayNames[day]).join(", ");
  return `${when}, ${one.from} to ${one.to}${one.to <= one.from ? " of the next day" : ""}, ${one.timeZone}${one.dates ? `, from ${one.dates.from} to ${one.dates.to}` : ""}`;
}

function windowList(calendar, replace, tower) {
  return el("section.card", el("h2", "Maintenance windows"),
    el("p.muted", "Deployments begin only in these. Without any, at any time."),
    calendar.windows.length > 0 && el("ul.plain.entries", { "aria-label": "Maintenance windows" }, calendar.windows.map((one, index) => el("li", { key: `${index} ${windowText(one)}` }, el("span", windowText(one)),
      tower.canOperate && el("button.quiet", { type: "button", "aria-label": `Remove the window ${windowText(one)}`, on: { click: () => remove("window", windowText(one), () => replace({ ...calendar, windows: calendar.windows.filter((_, at) => at !== index) })) } }, "Remove")))),
    tower.canOperate && el("div.actions", el("button", { type: "button", on: { click: () => addWindow(calendar, replace) } }, "Add a window")));
}

function freezeList(calendar, replace, tower) {
  const text = (one) => `${one.from.replace("T", " ")} to ${one.to.replace("T", " ")}, ${one.timeZone}`;
  return el("section.card", el("h2", "Freezes"),
    el("p.muted", "In these nothing begins, whatever windows there are."),
    calendar.freezes.length > 0 && el("ul.plain.entries", { "aria-label": "Freezes" }, calendar.freezes.map((one, index) => el("li", { key: `${index} ${text(one)}` }, el("span", el("strong.text", one.reason), " ", text(one)),
      tower.canOperate && el("button.quiet", { type: "button", "aria-label": `Remove the freeze ${one.reason}`, on: { click: () => remove("freeze", one.reason, () => replace({ ...calendar, freezes: calendar.freezes.filter((_, at) => at !== index) })) } }, "Remove")))),
    tower.canOperate && el("div.actions", el("button", { type: "button", on: { click: () => addFreeze(calendar, replace) } }, "Add a freeze")));
}

function remove(what, text, act) {
  return ask({ title: `Remove this ${what}?`, body: [el("p.text", text)], action: "Remove", kind: "danger", submit: act });
}

function zoneField(timeZone) {
  const input = el("input", { value: timeZone, list: "zones", required: true, spellcheck: "false", autocomplete: "off",
    on: { input: () => input.setCustomValidity(isZone(input.value.trim()) ? "" : "is not the name of a time zone such as Europe/Berlin") } });
  return input;
}

function addWindow(calendar, replace) {
  const boxes = days.map((day) => [day, el("input", { type: "checkbox", name: "day", value: day, checked: day === "Sat" || day === "Sun" })]);
  const from = el("input", { type: "time", required: true, value: "02:00" });
  const to = el("input", { type: "time", required: true, value: "05:00" });
  const timeZone = zoneField(calendar.windows[0]?.timeZone ?? zone.name);
  return ask({
    title: "Add a maintenance window",
    body: [
      el("fieldset", el("legend", "On which days it begins"), el("div.row", boxes.map(([day, box]) => el("label.choice", box, el("span", dayNames[day]))))),
      el("div.filters", field("From", from), field("To", to, "Of the next day where it is not after From.")),
      field("By the clocks of", timeZone, "Also where they change, it is open when clocks show these times."),
    ],
    action: "Add it",
    submit: () => {
      const chosen = boxes.filter(([, box]) => box.checked).map(([day]) => day);
      if (chosen.length === 0) throw new Error("Choose a day at least.");
      return replace({ ...calendar, windows: [...calendar.windows, { days: chosen, from: from.value, to: to.value, timeZone: timeZone.value.trim() }] });
    },
  });
}

function addFreeze(calendar, replace) {
  const today = civil(clock.now());
  const text = `${today.year}-${String(today.month).padStart(2, "0")}-${String(today.day).padStart(2, "0")}`;
  const from = el("input", { type: "date", required: true, value: text });
  const to = el("input", { type: "date", required: true, value: text });
  const reason = el("input", { required: true, maxlength: "200", autocomplete: "off" });
  const timeZone = zoneField(calendar.windows[0]?.timeZone ?? zone.name);
  return ask({
    title: "Add a freeze",
    body: [field("Why", reason, "Everybody who would schedule something then reads it."), el("div.filters", field("First day", from), field("Last day", to)), field("By the clocks of", timeZone)],
    action: "Add it",
    submit: () => replace({ ...calendar, freezes: [...calendar.freezes, { from: from.value, to: to.value, reason: reason.value.trim(), timeZone: timeZone.value.trim() }] }),
  });
}

// MARK: The calendar

function calendar(openings, windows, timeZone, month, router, tower) {
  const now = civil(clock.now(), timeZone);
  const [year, number] = /^\d{4}-\d\d$/.test(month ?? "") ? month.split("-").map(Number) : [now.year, now.month];
  const first = new Date(Date.UTC(year, number - 1, 1));
  const lead = (first.getUTCDay() + 6) % 7;
  const count = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const title = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" }).format(first);
  const go = (by) => {
    const date = new Date(Date.UTC(year, number - 1 + by, 1));
    router.set({ month: `${date.getUTCFullYear()}-${String(date.getUTCMonth() + 1).padStart(2, "0")}` });
  };
  const cells = [];
  for (let at = 0; at < lead; at += 1) cells.push(el("td.outside", { key: `before ${at}` }));
  for (let day = 1; day <= count; day += 1) {
    const date = new Date(Date.UTC(year, number - 1, day));
    const label = days[(date.getUTCDay() + 6) % 7];
    const own = windows.windows.filter((one) => begins(one, date, label));
    const frozen = windows.freezes.filter((one) => one.timeZone && covers(one.from.slice(0, one.from.indexOf("T") < 0 ? undefined : one.from.indexOf("T")), one.to.split("T")[0], date));
    const isFrozen = frozen.some((one) => isWhole(one, date));
    const shift = clockShift(year, number, day, timeZone);
    const elsewhere = (one) => (one.timeZone && one.timeZone !== timeZone ? ` ${one.timeZone}` : "");
    const due = tower.active?.at ? civil(tower.active.at, timeZone) : null;
    const isDue = due && due.year === year && due.month === number && due.day === day;
    const isToday = now.year === year && now.month === number && now.day === day;
    cells.push(el("td", { key: `day ${day}`, class: [isToday && "today", frozen.length && "frozen", own.length && "open"].filter(Boolean).join(" ") },
      el("span.day", String(day), isToday && el("span.visually-hidden", ", today")),
      isDue && el("span.mark.due", icon("wait"), `${version(tower.active.version)} ${absolute(tower.active.at, timeZone).split(", ")[1]}`),
      frozen.map((one) => el("span.mark.ice", icon("lock"), el("span.text", `Freeze${frozenHours(one, date)}${elsewhere(one)}: ${one.reason}`))),
      !isFrozen && own.map((one) => el("span.mark.fit", icon("good"), `${one.from} to ${one.to}${elsewhere(one)}`)),
      shift !== 0 && el("span.mark.shift", icon("warn"), shift > 0 ? `Clocks forward ${shift} min` : `Clocks back ${-shift} min`)));
  }
  while (cells.length % 7 !== 0) cells.push(el("td.outside", { key: `after ${cells.length}` }));
  const weeks = [];
  for (let at = 0; at < cells.length; at += 7) weeks.push(el("tr", { key: `week ${at}` }, cells.slice(at, at + 7)));
  return el("section.card.calendar", { "aria-label": "Calendar" },
    el("div.row.between", el("h2", title), el("div.actions",
      el("button", { type: "button", "aria-label": "The month before", on: { click: () => go(-1) } }, icon("before")),
      el("button", { type: "button", on: { click: () => router.set({ month: null }) } }, "Today"),
      el("button", { type: "button", "aria-label": "The month after", on: { click: () => go(1) } }, icon("next")))),
    el("p.hint", `By the clocks of ${timeZone}; what goes by others names them.`),
    el("table.month", { "aria-label": title }, el("thead", el("tr", days.map((day) => el("th", { scope: "col", "aria-label": dayNames[day] }, day)))), el("tbody", weeks)));
}

/** The hours of a freeze on a day that it does not hold for as a whole. */
function frozenHours({ from, to }, date) {
  const iso = date.toISOString().slice(0, 10);
  const [begin, end] = [from, to].map((text) => (text.startsWith(iso) ? text.split("T")[1] : undefined));
  return `${begin && begin !== "00:00" ? ` from ${begin}` : ""}${end ? ` to ${end}` : ""}`;
}

/** Whether a freeze leaves nothing of a day. */
function isWhole(one, date) { return frozenHours(one, date) === ""; }

function begins(one, date, label) {
  return (!one.days || one.days.includes(label)) && (!one.dates || covers(one.dates.from, one.dates.to, date));
}

/** Whether a day lies between two, of which both may be of every year. */
function covers(from, to, date) {
  const iso = date.toISOString().slice(0, 10);
  if (from.length > 5) return from <= iso && iso <= to;
  const day = iso.slice(5);
  return from <= to ? from <= day && day <= to : day >= from || day <= to;
}
