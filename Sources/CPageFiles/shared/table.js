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
  return el("div.table-frame", { role: "region", "aria-label": label, tabindex: "0" },
    el("table", { "aria-label": label, on: { keydown: walk } },
      el("thead", el("tr", columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : "" }, column.label)))),
      el("tbody", rows.map((row) => {
        const target = href?.(row);
        return el("tr", {
          key: key(row), tabindex: target ? "0" : null, "aria-selected": selected === key(row) ? "true" : null,
          "data-href": target, on: target ? { click: follow } : {},
        }, columns.map((column) => el("td", { "data-label": column.label, class: column.number ? "number" : "" }, column.cell(row))));
      }))));
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
