// Calls of the server's API: JSON in and out, with the session's header token for every change.

const headerTokenName = "X-WrkTalk-CSRF";
const unattendedName = "X-WrkTalk-Unattended";

/** What an ETag names, also where a proxy has compressed the answer and says so in the tag. */
function tag(text) { return (/"([^"]*)"/.exec(text)?.[1] ?? "").replace(/[-;](gzip|br|deflate|zstd)$/, ""); }

/** What the server refused, in its words. */
export class ApiError extends Error {
  constructor(status, message, retryAfter = null, causes = []) {
    super(message);
    this.status = status;
    /** `{field, reason, message}` of each fault, where the server names them. */
    this.causes = causes;
    /** Seconds; null where the server names none. */
    this.retryAfter = retryAfter;
  }
}

/** The server's clock, as far as its answers show it: what people see must not depend on their own. */
export const clock = {
  offset: 0,
  now() { return Date.now() + this.offset; },
  note(response, sentAt) {
    const time = Date.parse(response.headers.get("Date") ?? "");
    // The header has whole seconds; nearer than that there is nothing to correct.
    if (Number.isFinite(time)) {
      const offset = time + 500 - (sentAt + Date.now()) / 2;
      this.offset = Math.abs(offset) < 2000 ? 0 : offset;
    }
  },
};

export class Api extends EventTarget {
  /** @param {string} sessionPath where people sign in, such as `/api/admin/session` */
  constructor(sessionPath) {
    super();
    this.sessionPath = sessionPath;
    /** `{name, roles, session}` of who is signed in; null for nobody. */
    this.user = null;
    this.storageKey = `header-token ${sessionPath}`;
    /** `{name, roles}` of who is signed in, from any tab: nobody else is asked who they are. */
    this.markKey = `signed-in ${sessionPath}`;
    /** Grows with each sign-in and each end of one: the answer to a question of before is not about who is signed in now. */
    this.epoch = 0;
    addEventListener("storage", (event) => event.key === this.markKey && this.followOtherTab());
    /** Asks the person to prove who they are; given by the shell. Resolves to false where they would not. */
    this.confirmIdentity = async () => false;
  }

  // MARK: Who is signed in

  get headerToken() { return sessionStorage.getItem(this.storageKey); }

  /** What signing in, or proving it once more, has answered. */
  take(answer) {
    if (answer.headerToken) sessionStorage.setItem(this.storageKey, answer.headerToken);
    this.epoch += 1;
    this.become({ ...this.user, ...answer, headerToken: undefined });
  }

  become(user) {
    this.user = user;
    localStorage.setItem(this.markKey, JSON.stringify({ name: user.name, roles: user.roles }));
  }

  /**
   * Takes it that who was signed in still is, so that a view can ask for what it shows at once: the server refuses it to everybody
   * else. `restore()` asks whether it is so.
   * @returns {boolean} whether somebody was
   */
  recall() {
    this.user = this.remembered;
    return this.user !== null;
  }

  /** `{name, roles}` of who was signed in last, from whatever tab; null for nobody. */
  get remembered() {
    try {
      const { name, roles } = JSON.parse(localStorage.getItem(this.markKey));
      return typeof name === "string" && Array.isArray(roles) ? { name, roles } : null;
    } catch {
      return null;
    }
  }

  /** All tabs have one session: who signs in or out in another one does so here. */
  followOtherTab() {
    if (!this.user) return;
    const name = this.remembered?.name;
    if (name === undefined) this.end("You signed out in another tab.");
    else if (name !== this.user.name) location.reload();
  }

  /**
   * Asks who is signed in; where nobody is any more, the session has ended.
   * @param {{quietly?: boolean}} [options] quietly: nobody is told of that
   * @returns {Promise<boolean>} whether somebody is
   */
  async restore({ quietly = false } = {}) {
    const epoch = this.epoch;
    try {
      const user = await this.send("GET", this.sessionPath, { unattended: true, quietly });
      // Who has proved meanwhile who they are has the newer session; who has signed out has none.
      if (this.epoch === epoch) this.become(user);
      else if (this.user?.name === user.name) this.become({ ...this.user, roles: user.roles });
    } catch (error) {
      if (error.status !== 401) throw error;
      if (quietly && this.epoch === epoch) this.user = null;
    }
    return this.user !== null;
  }

  async signIn(email, password) {
    this.take(await this.send("POST", this.sessionPath, { body: { email, password }, quietly: true }));
  }

  async signOut() {
    try {
      await this.send("DELETE", this.sessionPath, { quietly: true });
    } finally {
      this.end("You are signed out.");
    }
  }

  /** The server takes the session for none any more. */
  sessionEnded() { this.end("Your session has ended. Sign in again to go on."); }

  /** Forgets who was signed in, which ends whatever watches. */
  end(reason) {
    if (!this.user) return;
    sessionStorage.removeItem(this.storageKey);
    // Another tab may have signed in as somebody else.
    if (this.remembered?.name === this.user.name) localStorage.removeItem(this.markKey);
    this.epoch += 1;
    this.user = null;
    this.dispatchEvent(new CustomEvent("signed-out", { detail: reason }));
  }

  hasRole(...roles) { return roles.some((role) => this.user?.roles?.includes(role)); }

  // MARK: Calls

  get(path, options) { return this.send("GET", path, options); }

  /**
   * A change, by a person. Where it needs a header token that this page does not have, or a newer proof of who they are, they are
   * asked for it first.
   * @param {{recent?: boolean, etag?: string}} [options] recent: it needs a proof of the last minutes
   */
  async change(method, path, body, options = {}) {
    const session = this.user?.session;
    const isStale = options.recent && session && clock.now() > Date.parse(session.recentUntil) - 5000;
    if (session && (!this.headerToken || isStale) && !(await this.confirmIdentity())) throw new Cancelled();
    try {
      return await this.send(method, path, { body, ...options });
    } catch (error) {
      if (error.status !== 403 || !/header token|sign-in of the last/.test(error.message)) throw error;
      if (!(await this.confirmIdentity())) throw new Cancelled();
      return await this.send(method, path, { body, ...options });
    }
  }

  /** What is there, with the tag by which a change says what it is a change of: `{value, etag}`. */
  async getTagged(path, options) {
    const response = await this.fetch("GET", path, options);
    return { value: await response.json(), etag: tag(response.headers.get("ETag") ?? "") };
  }

  /** @returns {Promise<any>} the answer's JSON; null where it has none */
  async send(method, path, options = {}) {
    const response = await this.fetch(method, path, options);
    const text = await response.text();
    if (!text) return null;
    try { return JSON.parse(text); } catch { throw new ApiError(response.status, "the server's answer is not JSON"); }
  }

  /**
   * @param {{body?: any, signal?: AbortSignal, unattended?: boolean, quietly?: boolean, etag?: string, accept?: string}} options
   *   unattended: nobody asked for it just now; quietly: a 401 is not the end of the session
   */
  async fetch(method, path, options = {}) {
    const headers = { Accept: options.accept ?? "application/json" };
    if (options.body !== undefined) headers["Content-Type"] = options.contentType ?? "application/json";
    if (options.unattended) headers[unattendedName] = "1";
    if (options.etag) headers["If-Match"] = `"${options.etag}"`;
    if (method !== "GET" && this.headerToken) headers[headerTokenName] = this.headerToken;
    const sentAt = Date.now();
    const epoch = this.epoch;
    let response;
    try {
      response = await fetch(path, {
        method, headers, signal: options.signal, credentials: "same-origin", cache: "no-store", redirect: "error",
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
      });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError(0, "The server cannot be reached. Check your connection; this page tries again by itself.");
    }
    clock.note(response, sentAt);
    if (response.ok) return response;
    const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    const [text, causes] = await refusal(response);
    const error = new ApiError(response.status, text, Number.isFinite(retryAfter) ? retryAfter : null, causes);
    if (error.status === 401 && !options.quietly && this.epoch === epoch) this.sessionEnded();
    throw error;
  }
}

/** A person has changed their mind. */
export class Cancelled extends Error {
  constructor() { super("cancelled"); }
}

/** `{"error": "…"}`, or the message of Kubernetes' Status with its causes. */
async function refusal(response) {
  try {
    const json = await response.json();
    const text = json.error ?? json.message;
    if (typeof text === "string" && text) return [text, json.details?.causes ?? []];
  } catch { /* said below */ }
  return [`The server answered ${response.status}.`, []];
}
