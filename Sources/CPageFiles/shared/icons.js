// Signs that stand beside words, never alone: lines of 24 × 24.

import { el } from "./dom.js";

const paths = {
  good: "M4 12.5l5 5L20 6.5",
  bad: "M6 6l12 12M18 6L6 18",
  warn: "M12 3.5L22 20H2zM12 10v4.5M12 17.2v.3",
  wait: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7v5.2l3.4 2",
  run: "M20 12a8 8 0 1 1-2.5-5.8M20 3.5v4h-4",
  info: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 11v5.5M12 7.3v.4",
  off: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M6 18L18 6",
  pause: "M8.5 5v14M15.5 5v14",
  lock: "M6.5 11V8a5.5 5.5 0 0 1 11 0v3M5 11h14v9.5H5z",
  back: "M9.5 5L3.5 11l6 6M4 11h10a6 6 0 0 1 6 6v2",
  now: "M3 12h4l3-7 4 14 3-7h4",
  offers: "M12 3l8.5 4.5v9L12 21l-8.5-4.5v-9zM3.5 7.5L12 12l8.5-4.5M12 12v9",
  schedule: "M4 5.5h16V20H4zM4 10h16M8.5 3v4M15.5 3v4",
  live: "M4 6h16M4 12h10M4 18h13",
  history: "M4 5v5h5M4.6 10A8 8 0 1 1 4 13.5M12 8v4.5l3 1.8",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  audit: "M6 3.5h8.5L18.5 8v12.5H6zM9 12h6.5M9 16h6.5",
  people: "M9 5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7M2.5 20c0-3.6 3-5.5 6.5-5.5s6.5 1.9 6.5 5.5M16 5.5a3.3 3.3 0 0 1 0 6.3M18 14.9c2.2.7 3.5 2.4 3.5 5.1",
  fleet: "M3.5 4h7v7h-7zM13.5 4h7v7h-7zM3.5 14h7v6h-7zM13.5 14h7v6h-7z",
  release: "M12 3c4 2.5 5.5 6 5 11l-2.5 2.5h-5L7 14c-.5-5 1-8.5 5-11M9.5 16.5L8 21M14.5 16.5L16 21M12 8.5v2",
  failures: "M12 3.5L22 20H2zM12 10v4.5M12 17.2v.3",
  customer: "M4 20.5v-15l8-2.5 8 2.5v15zM9 9h1.5M13.5 9H15M9 13h1.5M13.5 13H15M10.5 20.5V17h3v3.5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M15.5 15.5L20.5 20.5",
  download: "M12 3.5v11M7 10l5 5 5-5M4.5 20h15",
  menu: "M4 7h16M4 12h16M4 17h16",
  next: "M9 5l7 7-7 7",
  before: "M15 5l-7 7 7 7",
};

export function icon(name) {
  return el("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, el("path", { d: paths[name] ?? paths.info }));
}

/**
 * A state: a sign and a word.
 * @param {"good"|"bad"|"warn"|"wait"|"run"|"info"|"off"} kind
 */
export function badge(kind, text) {
  return el("span.badge", { class: kind }, icon(kind), el("span", text));
}
