// Tables whose rows can be walked with the arrow keys; on a narrow page each row becomes a card.

import { el } from "./dom.js";

/**
 * @param {object} table
 * @param {string} table.label what is listed
 * @param {{label: string, cell: (row: any) => any, number?: boolean}[]} table.columns
 * @param {any[]} table.rows
 * @param {(row: any) => string} table.key
 * @param {(row: any) => string | null} [table.href] where a row leads; Enter on the row goes there
 * @param {string} [table.selected] the key of the row that is open
 * @param {string} [table.empty] what to say where there is none
 */
export function table({ label, columns, rows, key, href, selected, empty = "There is nothing here yet." }) {
  if (rows.length === 0) return el("p.empty", empty);
  // What a table is to a screen reader it stays where rows are drawn as cards.
  return el("div.table-frame", { role: "region", "aria-label": label, tabindex: "0" },
    el("table", { role: "table", "aria-label": label, on: { keydown: walk } },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns.map((column) => el("th", { role: "columnheader", scope: "col", class: column.number ? "number" : "" }, column.label)))),
      el("tbody", { role: "rowgroup" }, rows.map((row) => {
        const target = href?.(row);
        return el("tr", {
          key: key(row), role: "row", tabindex: target ? "0" : null, "aria-selected": selected === key(row) ? "true" : null,
          "data-href": target, on: target ? { click: follow } : {},
        }, columns.map((column) => el("td", { role: "cell", "data-label": column.label, class: column.number ? "number" : "" }, column.cell(row))));
      }))));
}

/** As much of a long list as is looked at, and the way to more of it: no list ends without a word. */
export class Portion {
  constructor(update, size = 100) { Object.assign(this, { update, size, room: size }); }

  /** The next list begins anew. */
  clear() { this.room = this.size; }

  of(rows) { return rows.slice(0, this.room); }

  /** @param {boolean} [isTruncated] there are more than the page holds */
  foot(rows, isTruncated = false) {
    const [shown, all] = [Math.min(this.room, rows.length), rows.length].map((number) => number.toLocaleString("en-GB"));
    if (rows.length <= this.room && !isTruncated) return null;
    return el("div.actions", el("span.muted", { role: "status" }, `${shown} of ${isTruncated ? "more than " : ""}${all} shown`),
      rows.length > this.room && el("button", { type: "button", on: { click: () => { this.room += this.size; this.update(); } } }, "Show more"));
  }
}

function follow(event) {
  if (event.target.closest("a, button, input, select")) return;
  if (String(getSelection()) === "") location.hash = event.currentTarget.dataset.href;
}

function walk(event) {
  const row = event.target.closest("tbody tr");
  if (!row || event.target !== row) return;
  const other = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling,
    Home: row.parentElement.firstElementChild, End: row.parentElement.lastElementChild }[event.key];
  if (other) {
    event.preventDefault();
    other.focus();
  } else if (event.key === "Enter" && row.dataset.href) {
    event.preventDefault();
    location.hash = row.dataset.href;
  }
}
