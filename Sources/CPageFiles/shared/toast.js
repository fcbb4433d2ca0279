// Says that something has happened, to eyes and to screen readers.

import { el } from "./dom.js";
import { badge } from "./icons.js";

const place = el("div.toasts", { role: "status", "aria-live": "polite" });
const longest = 4;
const shownFor = 8000;
// A screen reader says what comes into a region that was there before.
document.body.append(place);

/** @param {"good"|"bad"|"info"|"warn"} kind */
export function toast(kind, text) {
  const words = { good: "Done", bad: "Not done", warn: "Mind", info: "Note" };
  const note = el("div.toast", badge(kind, words[kind]), el("p", text),
    el("button.quiet", { type: "button", "aria-label": "Close this note", on: { click: () => note.remove() } }, "Close"));
  place.append(note);
  while (place.children.length > longest) place.firstChild.remove();
  // Errors stay until somebody has read them.
  if (kind !== "bad") setTimeout(() => leave(note), shownFor);
}

/** Not while somebody reads it. */
function leave(note) {
  if (place.matches(":hover, :focus-within")) setTimeout(() => leave(note), shownFor);
  else note.remove();
}

/** Runs what a button does, and says how it ended. */
export async function attempt(act, done) {
  try {
    const value = await act();
    if (done && value !== null) toast("good", typeof done === "function" ? done(value) : done);
    return value;
  } catch (error) {
    if (error.message !== "cancelled") toast("bad", error.message);
    return null;
  }
}
