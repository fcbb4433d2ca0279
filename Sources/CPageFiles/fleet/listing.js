// Pages of a list of the server's, each of them asked for once, with how many there are.

import { address } from "../shared/resources.js";
import { el } from "../shared/dom.js";
import { failure } from "../shared/dialog.js";
import { count } from "./words.js";

const longest = 2000;
const pageLength = 50;
/** What the server gives at once. */
const longestPage = 500;
/** Milliseconds from one look to the next while a list is watched. */
const interval = 15_000;

/**
 * Looks again every now and then for as long as it is shown: whoever does not show it any more clears it, and nothing is asked for until
 * it is shown again.
 */
export class Listing {
  /** @param {string} member which member of the answer is the list */
  constructor(api, update, member) {
    Object.assign(this, { api, update, member, timer: null });
    this.clear();
  }

  /** What there is at an address; asked for where it is another than before. */
  at(path, query) {
    const where = address(path, query);
    if (where === this.where) return this;
    this.clear();
    Object.assign(this, { where, path, query });
    this.timer = setInterval(() => { if (!document.hidden && this.api.user) this.refresh(); }, interval);
    this.load();
    return this;
  }

  /** It is not shown any more. */
  clear() {
    clearInterval(this.timer);
    Object.assign(this, { where: null, items: [], total: null, token: null, isLoading: false, problem: null, timer: null });
  }

  /** All that is shown, which stays until the answer is there; who has read further than one answer holds is not disturbed. */
  async refresh() {
    if (this.where && this.items.length <= longestPage) await this.load(null, Math.max(pageLength, this.items.length));
  }

  async more() { if (this.token) await this.load(this.token); }

  async load(token = null, limit = pageLength) {
    // One after the other: a page that is asked for twice would be shown twice.
    if (this.isLoading) return;
    const { where } = this;
    this.isLoading = true;
    try {
      const page = await this.api.get(address(this.path, { limit, ...this.query, continue: token }), { unattended: token === null });
      if (where !== this.where) return;
      this.items = token === null ? page[this.member] : [...this.items, ...page[this.member]].slice(0, longest);
      this.total = page.total ?? this.total;
      this.token = this.items.length < longest ? page.continue ?? null : null;
      this.problem = null;
    } catch (error) {
      if (where !== this.where) return;
      this.problem = error;
    } finally {
      if (where === this.where) this.isLoading = false;
    }
    this.update();
  }

  /** What stands under the list. */
  foot() {
    if (this.problem) return failure(this.problem.message);
    if (this.isLoading && this.items.length === 0) return el("p.muted", { role: "status" }, "Looking…");
    return el("div.actions",
      this.total !== null && el("span.muted", { role: "status" }, `${count(this.items.length)} of ${count(this.total)} shown`),
      this.token && el("button", { type: "button", on: { click: () => this.more() } }, "Show more"));
  }
}
