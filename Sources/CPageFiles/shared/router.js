// Which view a page shows, and with what filters and selection, stands in the address after `#`: `#/history?version=2.3.0`.
// So every view can be linked to, and back and forward work.

export class Router extends EventTarget {
  constructor() {
    super();
    addEventListener("hashchange", () => this.dispatchEvent(new Event("change")));
  }

  /** `{view, id, query}` of the address; the view is empty for the first one. */
  get route() { return parse(location.hash); }

  /** @param {object} [options] replace: true where going back should not lead here */
  go(view, query = {}, { id = "", replace = false } = {}) {
    const target = href(view, query, id);
    if (target === location.hash) return;
    if (replace) {
      history.replaceState(null, "", target);
      this.dispatchEvent(new Event("change"));
    } else {
      location.hash = target;
    }
  }

  /** The same view with other filters; what is null is left out. */
  set(changes, options) {
    const { view, id, query } = this.route;
    this.go(view, { ...query, ...changes }, { id, ...options });
  }
}

export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", id = ""] = path.split("/", 2).map((part) => { try { return decodeURIComponent(part); } catch { return ""; } });
  return { view, id, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** The address of a view. */
export function href(view, query = {}, id = "") {
  const search = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "")).toString();
  return `#/${encodeURIComponent(view)}${id ? `/${encodeURIComponent(id)}` : ""}${search ? `?${search}` : ""}`;
}
