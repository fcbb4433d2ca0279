// How far something is, in words and as a bar.

import { el } from "./dom.js";

/** @param {number | null} share from 0 to 1; null where it is not known */
export function progress(label, share, text) {
  return el("div.progress",
    el("div.row", el("span", label), el("span.muted", text ?? (share === null ? "" : `${Math.round(share * 100)} %`))),
    el("progress", share === null ? { "aria-label": label } : { "aria-label": label, max: "1", value: String(Math.min(1, Math.max(0, share))) }));
}

/** `12.3 MB` */
export function bytes(count) {
  if (!Number.isFinite(count)) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
