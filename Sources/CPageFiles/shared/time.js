// Times for people: by the clocks of a named zone with UTC beside, and how far away they are.

import { clock } from "./api.js";
import { el } from "./dom.js";

const zoneKey = "time-zone";
const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const formats = new Map();

/** The zone that times are shown in: the reader's, unless they chose another. */
export const zone = {
  get name() { return localStorage.getItem(zoneKey) || own; },
  set name(name) {
    if (name && name !== own) localStorage.setItem(zoneKey, name);
    else localStorage.removeItem(zoneKey);
  },
  get reader() { return own; },
};

/** Whether clocks of such a zone are known here. */
export function isZone(name) {
  try {
    Intl.DateTimeFormat("en-GB", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function format(timeZone, options) {
  const key = `${timeZone} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone, hourCycle: "h23", ...options }));
  return formats.get(key);
}

/** `Sat 12 Dec 2026, 02:00` */
export function absolute(time, timeZone = zone.name, { seconds = false } = {}) {
  const date = toDate(time);
  if (!date) return "unknown";
  const parts = Object.fromEntries(format(timeZone, {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).formatToParts(date).map(({ type, value }) => [type, value]));
  return `${parts.weekday} ${parts.day} ${parts.month} ${parts.year}, ${parts.hour}:${parts.minute}${seconds ? `:${parts.second}` : ""}`;
}

/** `Sat 12 Dec 2026, 02:00 Europe/Berlin (01:00 UTC)`; with the day of UTC where it is another. */
export function full(time, timeZone = zone.name) {
  const date = toDate(time);
  if (!date) return "unknown";
  if (timeZone === "UTC") return `${absolute(date, "UTC")} UTC`;
  const [day, hour] = [absolute(date, timeZone), absolute(date, "UTC")].map((text) => text.split(", "));
  return `${day.join(", ")} ${timeZone} (${day[0] === hour[0] ? hour[1] : hour.join(", ")} UTC)`;
}

/** `CET`, `GMT+9`: what the clocks of a zone are called at a moment. */
function zoneName(date, timeZone) {
  if (timeZone === "UTC") return "UTC";
  return format(timeZone, { timeZoneName: "short" }).formatToParts(date).find(({ type }) => type === "timeZoneName").value;
}

/** `Sat 12 Dec 2026, 02:00 CET (01:00 UTC)`; with the weekday of UTC where it is another. */
export function stamp(time, timeZone = zone.name, options = {}) {
  const date = toDate(time);
  if (!date) return "unknown";
  const text = `${absolute(date, timeZone, options)} ${zoneName(date, timeZone)}`;
  if (timeZone === "UTC") return text;
  const [day, hour] = absolute(date, "UTC", options).split(", ");
  return `${text} (${text.startsWith(day) ? hour : `${day.split(" ")[0]} ${hour}`} UTC)`;
}

/** The parts of a moment by the clocks of a zone: `{year, month, day, hour, minute}`. */
export function civil(time, timeZone = zone.name) {
  const parts = format(timeZone, {
    year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
  }).formatToParts(toDate(time));
  return Object.fromEntries(parts.filter(({ type }) => type !== "literal").map(({ type, value }) => [type, Number(value)]));
}

/** Minutes that clocks of a zone are ahead of UTC at a moment. */
export function offsetMinutes(time, timeZone = zone.name) {
  const { year, month, day, hour, minute } = civil(time, timeZone);
  return Math.round((Date.UTC(year, month - 1, day, hour, minute) - Math.floor(toDate(time).getTime() / 60_000) * 60_000) / 60_000);
}

/**
 * The moments at which clocks of a zone show a time: two where they were put back, none where they are put forward over it.
 * @param {string} local `2026-12-12T02:00`
 */
export function moments(local, timeZone = zone.name) {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(local);
  if (!match) return [];
  const [year, month, day, hour, minute] = match.slice(1).map(Number);
  const wanted = Date.UTC(year, month - 1, day, hour, minute);
  const offsets = new Set([-36, 0, 36].map((hours) => offsetMinutes(new Date(wanted + hours * 3_600_000), timeZone)));
  return [...offsets].map((offset) => new Date(wanted - offset * 60_000))
    .filter((date) => offsetMinutes(date, timeZone) === Math.round((wanted - date.getTime()) / 60_000))
    .sort((one, other) => one - other);
}

/**
 * Minutes by which clocks of a zone are put forward on a day, or back where there are less than none: from one midnight to the next, as
 * that zone has them.
 * @param {number} month from 1
 */
export function clockShift(year, month, day, timeZone = zone.name) {
  const [before, after] = [0, 1].map((days) => offsetMinutes(new Date(beginning(year, month, day + days, timeZone).getTime() - 60_000), timeZone));
  return after - before;
}

/** The first moment of a day: not at midnight where clocks are put forward over it. */
function beginning(year, month, day, timeZone) {
  const date = new Date(Date.UTC(year, month - 1, day));
  const iso = date.toISOString().slice(0, 10);
  for (const hour of ["00:00", "00:30", "01:00", "02:00"]) {
    const [first] = moments(`${iso}T${hour}`, timeZone);
    if (first) return first;
  }
  return date;
}

/** `2026-12-12T02:00`, as an input of a page takes it. */
export function localText(time, timeZone = zone.name) {
  const { year, month, day, hour, minute } = civil(time, timeZone);
  const two = (number) => String(number).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}`;
}

/** `3 d 4 h`: the two largest units. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let rest = seconds;
  const words = [];
  for (const [unit, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count} ${unit}`);
  }
  return words.join(" ");
}

/** Without seconds where there are minutes. */
function coarse(milliseconds) { return span(milliseconds >= 60_000 ? Math.floor(milliseconds / 60_000) * 60_000 : milliseconds); }

/** `in 3 d 4 h`, `5 min ago`, `just now` */
export function relative(time, now = clock.now()) {
  const date = toDate(time);
  if (!date) return "";
  const distance = date.getTime() - now;
  if (Math.abs(distance) < 5000) return "just now";
  return distance > 0 ? `in ${coarse(distance)}` : `${coarse(-distance)} ago`;
}

/**
 * An element that says when, and goes on saying how far away that is.
 * @param {{form?: "both"|"absolute"|"relative", seconds?: boolean}} [options] seconds: of the form `absolute`
 */
export function timeElement(time, { timeZone = zone.name, form = "both", seconds = false } = {}) {
  const date = toDate(time);
  if (!date) return el("span.muted", "unknown");
  const text = form === "relative" ? relative(date) : form === "absolute" ? stamp(date, timeZone, { seconds }) : both(date, timeZone);
  return el("time", { datetime: date.toISOString(), title: full(date, timeZone), "data-form": form, "data-zone": timeZone }, text);
}

function both(time, timeZone) { return `${stamp(time, timeZone)}, ${relative(time)}`; }

/** Brings what `timeElement` has said of how far away something is up to date; called once a second by the shell. */
export function refreshTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-form=relative], time[data-form=both]")) {
    const text = element.dataset.form === "relative" ? relative(element.dateTime) : both(element.dateTime, element.dataset.zone);
    if (element.textContent !== text) element.textContent = text;
  }
}

function toDate(time) {
  if (time === null || time === undefined || time === "") return null;
  const date = time instanceof Date ? time : new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}
