// Says that something has happened, to eyes and to screen readers.

import { el } from "./dom.js";
import { badge } from "./icons.js";

const place = el("div.toasts", { role: "status", "aria-live": "polite" });
const longest = 4;

/** @param {"good"|"bad"|"info"|"warn"} kind */
export function toast(kind, text) {
  if (!place.isConnected) document.body.append(place);
  const words = { good: "Done", bad: "Not done", warn: "Mind", info: "Note" };
  const note = el("div.toast", badge(kind, words[kind]), el("p", text),
    el("button.quiet", { type: "button", "aria-label": "Close this note", on: { click: () => note.remove() } }, "Close"));
  place.append(note);
  while (place.children.length > longest) place.firstChild.remove();
  // Errors stay until somebody has read them.
  if (kind !== "bad") setTimeout(() => note.remove(), 8000);
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
