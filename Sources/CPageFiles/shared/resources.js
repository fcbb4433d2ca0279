// List and watch of the resource API, as its other clients do it (Kubernetes' API concepts, "efficient detection of changes").

import { ApiError } from "./api.js";

const longestLine = 4 << 20;
const pageSize = 500;
const watchSeconds = 300;
const longestWait = 30_000;

/** What goes on from `start()` to `stop()` or the session's end, and rests while nobody looks at the page. */
class Following extends EventTarget {
  constructor(api) {
    super();
    this.api = api;
    this.isRunning = false;
    this.onVisibility = () => (document.hidden ? this.pause() : this.resume());
    this.onSignedOut = () => this.stop();
  }

  start() {
    if (this.isRunning) return this;
    this.isRunning = true;
    document.addEventListener("visibilitychange", this.onVisibility);
    this.api.addEventListener("signed-out", this.onSignedOut);
    this.resume();
    return this;
  }

  stop() {
    this.isRunning = false;
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.api.removeEventListener("signed-out", this.onSignedOut);
    this.end();
  }
}

/**
 * Keeps what the server has of one kind, and says of each change. It ends with the session, waits between attempts, gives its
 * connection back while nobody looks at the page, and holds a bounded number of objects.
 *
 *     const watch = new ResourceWatch(api, "/apis/deploy.wrktalk.com/v1/desireddeployments");
 *     watch.addEventListener("change", () => show(watch.items));
 *     watch.start();
 *
 * Events: `change` (something of `items` or `state` is different).
 */
export class ResourceWatch extends Following {
  /**
   * @param {string} path of the list
   * @param {{query?: object, limit?: number, random?: () => number, isNewer?: (a, b) => number}} [options]
   *   query: such as `fieldSelector`; limit: objects that are kept; more are not looked at (`isTruncated`)
   */
  constructor(api, path, { query = {}, limit = 2000, random = Math.random } = {}) {
    super(api);
    this.path = path;
    this.query = query;
    this.limit = limit;
    this.random = random;
    this.items = new Map();
    /** `loading`, `live`, `waiting` (for the next attempt) or `ended`. */
    this.state = "loading";
    this.isTruncated = false;
    /** Why it waits or has ended. */
    this.problem = null;
    this.revision = null;
    this.failures = 0;
    this.controller = null;
  }

  end() {
    clearTimeout(this.pausing);
    this.controller?.abort();
    this.controller = null;
    this.become("ended");
  }

  /** Browsers have six connections to a server, for all of their tabs. */
  pause() {
    clearTimeout(this.pausing);
    this.pausing = setTimeout(() => {
      this.controller?.abort();
      this.controller = null;
    }, 5000);
  }

  resume() {
    clearTimeout(this.pausing);
    if (!this.isRunning || this.controller) return;
    this.controller = new AbortController();
    this.run(this.controller.signal);
  }

  async run(signal) {
    while (!signal.aborted) {
      try {
        if (this.revision === null) await this.list(signal);
        await this.watch(signal);
        this.failures = 0;
        // A watch that ended by its time; many end in the same second.
        await wait(this.random() * 500, signal);
      } catch (error) {
        if (signal.aborted) return;
        // A watch that is open says so by an event of its own.
        if (error.status === 401) this.api.sessionEnded();
        if (error.status === 401 || error.status === 403 || error.status === 404) {
          this.problem = error;
          return this.stop();
        }
        if (error.status === 410) {
          this.revision = null;
          continue;
        }
        this.failures += 1;
        this.problem = error;
        this.become("waiting");
        const span = Math.min(longestWait, 500 * 2 ** Math.min(this.failures, 7));
        await wait(Math.max((error.retryAfter ?? 0) * 1000, span / 2 + this.random() * span / 2), signal);
      }
    }
  }

  async list(signal) {
    const found = new Map();
    let token = null;
    let revision;
    this.isTruncated = false;
    do {
      const room = this.limit - found.size;
      const page = await this.api.get(
        address(this.path, { ...this.query, limit: Math.min(pageSize, room), continue: token }), { signal, unattended: true });
      for (const item of page.items ?? []) found.set(key(item), item);
      revision = page.metadata.resourceVersion;
      token = page.metadata.continue || null;
      if (token && found.size >= this.limit) this.isTruncated = true;
    } while (token && !this.isTruncated);
    this.revision = revision;
    this.items = found;
    this.become("live", true);
  }

  async watch(signal) {
    const response = await this.api.fetch(
      "GET", address(this.path, {
        ...this.query, watch: 1, allowWatchBookmarks: true, resourceVersion: this.revision, timeoutSeconds: watchSeconds,
      }), { signal, unattended: true });
    this.become("live");
    const reader = response.body.getReader();
    try {
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
        rest = lines.pop();
        if (rest.length > longestLine) throw new ApiError(0, "an object is larger than this page reads");
        let isChanged = false;
        for (const line of lines) if (line) isChanged = this.apply(JSON.parse(line)) || isChanged;
        this.failures = 0;
        if (isChanged) this.become("live", true);
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  /** @returns {boolean} whether `items` is different */
  apply({ type, object }) {
    if (type === "ERROR") throw new ApiError(object.code ?? 500, object.message ?? "the watch has failed");
    this.revision = object.metadata.resourceVersion;
    if (type === "BOOKMARK") return false;
    if (type === "DELETED") return this.items.delete(key(object));
    const name = key(object);
    if (!this.items.has(name) && this.items.size >= this.limit) {
      // The oldest makes room: what is new is what people look at.
      this.items.delete(this.items.keys().next().value);
      this.isTruncated = true;
    }
    this.items.set(name, object);
    return true;
  }

  become(state, isChanged = false) {
    if (state === "live") this.problem = null;
    if (state === this.state && !isChanged) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * Asks for something again and again, for what no watch tells of: in an interval with jitter, not while nobody looks, never two at
 * once, and until the session ends. Events: `change`.
 */
export class Polling extends Following {
  /**
   * @param {() => string} path
   * @param {{ask?: (path: string, options: object) => Promise<any>}} [options] ask: what is asked for, in place of the answer's JSON
   */
  constructor(api, path, { interval = 5000, random = Math.random, ask = (where, options) => api.get(where, options) } = {}) {
    super(api);
    Object.assign(this, { path, interval, random, ask, value: null, problem: null, failures: 0 });
  }

  end() {
    clearTimeout(this.timer);
    this.controller?.abort();
  }

  /** Nothing is asked for once its time has come. */
  pause() {}

  resume() { this.refresh(); }

  /** Now; what is asked at this moment is asked anew, since it may be older than what the caller has done. */
  async refresh() {
    if (!this.isRunning) return;
    clearTimeout(this.timer);
    this.controller?.abort();
    const controller = (this.controller = new AbortController());
    try {
      const value = await this.ask(this.path(), { signal: controller.signal, unattended: true });
      if (controller.signal.aborted) return;
      const isChanged = this.problem !== null || JSON.stringify(value) !== JSON.stringify(this.value);
      Object.assign(this, { value, problem: null, failures: 0 });
      if (isChanged) this.dispatchEvent(new Event("change"));
    } catch (error) {
      if (controller.signal.aborted) return;
      if (error.status === 401) return this.stop();
      this.failures += 1;
      this.problem = error;
      this.dispatchEvent(new Event("change"));
      if (error.status === 403) return this.stop();
    }
    if (!this.isRunning || document.hidden) return;
    const span = Math.min(60_000, this.interval * 2 ** Math.min(this.failures, 4));
    this.timer = setTimeout(() => this.refresh(), span * (0.8 + this.random() * 0.4));
  }
}

/** Does something again and again from `start()` to `stop()`, while somebody is signed in and looks at the page. */
export class Repeating {
  constructor(api, act, interval = 10_000) { Object.assign(this, { api, act, interval, timer: null }); }

  start() {
    this.stop();
    this.timer = setInterval(() => { if (!document.hidden && this.api.user) this.act(); }, this.interval);
  }

  stop() { clearInterval(this.timer); }
}

/**
 * All pages of a list, up to a number that a page holds.
 * @param {string} member which member of the answers is the list
 * @returns {Promise<{items: object[], isTruncated: boolean}>} isTruncated: there are more
 */
export async function wholeList(api, path, member, { query = {}, limit = 2000, size = 500 } = {}) {
  const items = [];
  let token = null;
  do {
    const page = await api.get(address(path, { ...query, limit: size, continue: token }), { unattended: true });
    items.push(...page[member]);
    token = page.continue ?? null;
  } while (token && items.length < limit);
  return { items, isTruncated: token !== null };
}

/** `/path?name=value`, without what is null. */
export function address(path, query) {
  const text = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "")).toString();
  return text ? `${path}?${text}` : path;
}

function key(object) { return `${object.metadata.namespace ?? ""}/${object.metadata.name}`; }

function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
