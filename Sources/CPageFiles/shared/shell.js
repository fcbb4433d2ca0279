// What both pages have around their views: sign-in, navigation, themes, time zones, and the one clock that moves what is shown.

import { Api } from "./api.js";
import { ask, field } from "./dialog.js";
import { el, render } from "./dom.js";
import { icon } from "./icons.js";
import { Router, href } from "./router.js";
import { confirmIdentity, signIn } from "./sign-in.js";
import { isZone, refreshTimes, zone } from "./time.js";
import { attempt, toast } from "./toast.js";

const themes = { system: "As the system", light: "Light", dark: "Dark" };

/**
 * Runs a page.
 *
 * A view is an object with `title` and `show(route)`, which returns what it consists of (elements) and is called again whenever
 * something changed: `context.update()` asks for that. `start(route)` and `stop()` are called when it is opened and left, both optional;
 * `tick()` once a second while it is shown, optional.
 *
 * @param {object} page
 * @param {string} page.name
 * @param {string} page.sessionPath
 * @param {{path: string, label: string, icon: string, isFor?: (api) => boolean, make: (context) => object}[]} page.views the first one is
 *   shown where the address names none; make: called once a sign-in
 * @param {(context) => void} [page.start] after each sign-in: begins to watch
 * @param {(context) => void} [page.stop] after each sign-out
 * @param {(context) => any} [page.banner] what stands above every view
 */
export function runPage(page) {
  const api = new Api(page.sessionPath);
  const router = new Router();
  api.confirmIdentity = () => confirmIdentity(api);
  applyTheme();
  new Shell(page, api, router).run();
}

class Shell {
  constructor(page, api, router) {
    Object.assign(this, { page, api, router, current: null, views: new Map(), isScheduled: false });
    this.root = document.getElementById("page");
    this.context = { api, router, update: () => this.update(), state: {} };
  }

  async run() {
    this.router.addEventListener("change", () => this.api.user && this.open());
    this.api.addEventListener("signed-out", (event) => this.leave(event.detail));
    setInterval(() => this.tick(), 1000);
    if (location.pathname !== "/" || !this.api.recall()) return this.askToSignIn();
    this.confirmUser(this.api.restore());
    this.enter();
  }

  /** Until the server has said who is signed in; what it does not answer meanwhile the views say for themselves. */
  async confirmUser(answer) {
    for (;;) {
      try {
        if (await answer) this.showAccount();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5000));
        if (!this.api.user || this.api.user.session) return;
        answer = this.api.restore();
      }
    }
  }

  async askToSignIn(note) {
    await signIn(this.api, this.root, this.page.name, note);
    this.enter();
  }

  enter() {
    this.views.clear();
    this.main = el("main", { id: "main", tabindex: "-1" });
    this.banner = el("div.banners");
    this.header = el("header.top");
    this.account = this.accountMenu();
    render(this.root, el("a.skip", { href: "#main", on: { click: (event) => { event.preventDefault(); this.main.focus(); } } }, "Skip to content"),
      this.header, el("div.content", this.banner, this.main));
    this.page.start?.(this.context);
    this.open();
  }

  leave(note) {
    document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
    this.current?.view.stop?.();
    this.current = null;
    this.page.stop?.(this.context);
    this.context.state = {};
    // What was seen is for nobody else.
    render(this.root, el("main.sign-in", { id: "main" }));
    this.askToSignIn(note);
  }

  /** Of who is signed in, once the server has said it: their roles may be others by now. */
  showAccount() {
    // The menu on the page stays the one that every draw is given.
    this.account.replaceChildren(...this.accountMenu().childNodes);
    this.open();
  }

  accountMenu() {
    return el("details.account", { key: "account" },
      el("summary", icon("people"), el("span.name", this.api.user?.name ?? "")), this.accountContent());
  }

  get visibleViews() { return this.page.views.filter((view) => view.isFor?.(this.api) ?? true); }

  open() {
    const route = this.router.route;
    const entry = route.view === "" ? this.visibleViews[0] : this.visibleViews.find(({ path }) => path === route.view);
    if (entry !== this.current?.entry) {
      this.current?.view.stop?.();
      this.current = null;
      render(this.main);
      if (entry) {
        if (!this.views.has(entry.path)) this.views.set(entry.path, entry.make(this.context));
        this.current = { entry, view: this.views.get(entry.path) };
        this.current.view.start?.(route);
      }
      this.header.querySelector("details[open]")?.removeAttribute("open");
      scrollTo(0, 0);
      this.draw();
      // Who goes to another view goes on there, and a screen reader says where that is.
      if (this.hasOpened && !document.querySelector("dialog[open]")) this.main.focus({ preventScroll: true });
      this.hasOpened = true;
      return;
    }
    this.draw();
    // What had the focus is gone, as where a row of a list was opened.
    if (document.activeElement === document.body) this.main.focus({ preventScroll: true });
  }

  /** Draws once, however much has changed. */
  update() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      if (this.api.user) this.draw();
    });
    // A page in the background draws no frames, and has to be right when it is looked at.
    setTimeout(() => { if (this.isScheduled && this.api.user) { this.isScheduled = false; this.draw(); } }, 200);
  }

  draw() {
    const route = this.router.route;
    render(this.header, this.headerContent());
    render(this.banner, this.page.banner?.(this.context));
    if (!this.current) {
      document.title = `Not found · ${this.page.name}`;
      this.main.setAttribute("aria-label", "Not found");
      render(this.main, el("h1", "There is no such view"), el("p", "The address names a view that does not exist, or that your role does not show. ",
        el("a", { href: href(this.visibleViews[0].path) }, `Go to ${this.visibleViews[0].label}`), "."));
      return;
    }
    const { view, entry } = this.current;
    document.title = `${view.title ?? entry.label} · ${this.page.name}`;
    this.main.setAttribute("aria-label", view.title ?? entry.label);
    render(this.main, view.show(route));
  }

  tick() {
    refreshTimes();
    if (this.api.user && this.current) {
      this.page.tick?.(this.context);
      this.current.view.tick?.();
    }
  }

  headerContent() {
    const links = this.visibleViews.map((view) => el("li", el("a", {
      href: href(view.path), "aria-current": view === this.current?.entry ? "page" : null,
    }, icon(view.icon), el("span", view.label), view.note && el("span.count", view.note(this.context) || null))));
    return [
      el("a.brand", { href: href(this.visibleViews[0].path) }, el("span.brand-mark", { "aria-hidden": "true" }), this.page.name),
      el("details.menu", { key: "menu" }, el("summary", icon("menu"), el("span", this.current?.entry.label ?? "Menu")),
        el("nav", { "aria-label": "Views" }, el("ul", links))),
      el("nav.wide", { "aria-label": "Views", key: "nav" }, el("ul", links.map((link) => link.cloneNode(true)))),
      this.account,
    ];
  }

  accountContent() {
    const theme = localStorage.getItem("theme") ?? "system";
    return el("div.panel.stack",
      el("p.muted", `Signed in as ${this.api.user?.name ?? ""} (${(this.api.user?.roles ?? []).join(", ")})`),
      field("Theme", el("select", { id: "theme", value: theme, on: { change: (event) => setTheme(event.target.value) } },
        Object.entries(themes).map(([value, label]) => el("option", { value }, label)))),
      field("Times in the zone", el("input", {
        id: "zone", value: zone.name, list: "zones", spellcheck: "false", autocomplete: "off",
        on: { change: (event) => this.setZone(event.target) },
      }), `Yours is ${zone.reader}. UTC stands beside.`),
      el("datalist", { id: "zones" }, zones().map((name) => el("option", { value: name }))),
      this.api.user?.session && el("button", { type: "button", on: { click: () => this.changePassword() } }, icon("lock"), "Change password"),
      this.api.user?.session && el("button", { type: "button", on: { click: () => attempt(() => this.api.signOut()) } }, "Sign out"));
  }

  setZone(input) {
    const name = input.value.trim();
    if (name !== "" && !isZone(name)) {
      toast("bad", `${name} is not the name of a time zone, such as Europe/Berlin.`);
      input.value = zone.name;
      return;
    }
    zone.name = name;
    input.value = zone.name;
    this.draw();
  }

  async changePassword() {
    const current = el("input", { type: "password", autocomplete: "current-password", required: true });
    const fresh = el("input", { type: "password", autocomplete: "new-password", required: true });
    const done = await ask({
      title: "Change your password",
      body: [field("Present password", current), field("New password", fresh, "12 characters at least; a few words that only you would put together are good.")],
      action: "Change password",
      submit: () => this.api.change("POST", `${this.api.sessionPath}/password`, { currentPassword: current.value, newPassword: fresh.value }),
    });
    if (done) toast("good", "Your password is changed. Your other sessions have ended.");
  }
}

function zones() {
  return ["UTC", zone.reader, ...(Intl.supportedValuesOf?.("timeZone") ?? [])].filter((name, index, all) => all.indexOf(name) === index);
}

function setTheme(theme) {
  if (theme === "system") localStorage.removeItem("theme");
  else localStorage.setItem("theme", theme);
  applyTheme();
}

function applyTheme() {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}
