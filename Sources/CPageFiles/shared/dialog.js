// Questions to a person, as dialogs of the platform: focus stays inside, Escape closes, focus goes back to where it came from.

import { Cancelled } from "./api.js";
import { el, render, uniqueID } from "./dom.js";
import { badge } from "./icons.js";

/**
 * Sends those of the fields that a person has changed, and nothing where they have changed none: the others may be what somebody else
 * has made of them since.
 */
export async function changed(before, after, send) {
  const fields = Object.fromEntries(Object.entries(after).filter(([name, value]) => value !== before[name]));
  return Object.keys(fields).length > 0 ? await send(fields) : before;
}

/**
 * Shows a dialog with a form.
 * @param {object} form
 * @param {string} form.title
 * @param {(fields: object) => any} [form.body] makes what it asks, once; what it returns stands above the buttons
 * @param {string} form.action the word of the button that does it
 * @param {"" | "danger"} [form.kind]
 * @param {(data: FormData) => Promise<any>} form.submit does it; what it throws is shown, and the dialog stays
 * @returns {Promise<any>} what `submit` returned; null where the person has closed it
 */
export function ask({ title, body = [], action, kind = "", submit, cancel = "Cancel" }) {
  const titleID = uniqueID("dialog");
  const problem = el("div", { role: "alert" });
  const button = el("button.primary", { type: "submit", class: kind }, action);
  let result = null;
  const form = el("form.stack", { novalidate: true }, el("h2", { id: titleID }, title), body, problem,
    el("div.actions", button, el("button", { type: "button", on: { click: () => button.disabled || dialog.close() } }, cancel)));
  const dialog = el("dialog", { "aria-labelledby": titleID }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    if (!form.checkValidity()) {
      const wrong = form.querySelector(":invalid");
      render(problem, failure(`${wrong.labels?.[0]?.textContent ?? "A field"}: ${wrong.validationMessage}`));
      wrong.focus();
      return;
    }
    button.disabled = true;
    render(problem);
    try {
      result = await submit(new FormData(form));
      dialog.close();
    } catch (error) {
      if (!(error instanceof Cancelled)) render(problem, failure(error.message));
      button.disabled = false;
      button.focus();
    }
  });
  // What was sent has an answer, which may be a password that is shown once.
  dialog.addEventListener("cancel", (event) => { if (button.disabled) event.preventDefault(); });
  const opener = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("[data-first], input, select, textarea") ?? button).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
      resolve(result);
    });
  });
}

/** A field with its label, and what to know of it. */
export function field(label, input, hint) {
  const id = input.id || uniqueID("field");
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return el("div.field", el("label", { for: id }, label), input, hint && el("p.hint", { id: `${id}-hint` }, hint));
}

/** What went wrong, in words. */
export function failure(message) {
  return el("p.problem", badge("bad", "Not done"), " ", message);
}
