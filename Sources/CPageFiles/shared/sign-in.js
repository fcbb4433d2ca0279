// Signing in by password or by the identity provider, and proving once more who one is.

import { clock } from "./api.js";
import { ask, failure, field } from "./dialog.js";
import { el, render } from "./dom.js";
import { icon } from "./icons.js";

const oidcPath = "/sign-in/oidc";

/**
 * Shows the form in `place` until somebody has signed in.
 * @param {string} [note] why somebody is asked
 */
export async function signIn(api, place, name, note) {
  const returned = await finishOIDC(api);
  if (returned.isSignedIn) return;
  const offersOIDC = await api.get(`${api.sessionPath}/oidc`, { unattended: true, quietly: true })
    .then((answer) => answer.enabled === true, () => false);
  await new Promise((resolve) => {
    const problem = el("div", { role: "alert" }, returned.problem && failure(returned.problem));
    const email = el("input", { type: "email", name: "email", autocomplete: "username", required: true, spellcheck: "false" });
    const password = el("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
    const button = el("button.primary", { type: "submit" }, "Sign in");
    const form = el("form.stack", { novalidate: true }, problem, field("Email address", email), field("Password", password), button,
      offersOIDC && el("div.stack", el("p.or", "or"),
        el("button", { type: "button", on: { click: () => begin(api, {}, problem) } }, icon("lock"), "Use your organization's sign-in")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      render(problem);
      const missing = [email, password].find((input) => !input.value);
      if (missing) {
        render(problem, failure(`Give your ${missing === email ? "email address" : "password"}.`));
        return missing.focus();
      }
      button.disabled = true;
      try {
        await api.signIn(email.value, password.value);
        resolve();
      } catch (error) {
        password.value = "";
        if (error.status === 429) return countDown(problem, button, error);
        render(problem, failure(error.status === 401
          ? "The email address or the password is wrong. Whoever is an admin here can give you a new password." : error.message));
        button.disabled = false;
        password.focus();
      }
    });
    render(place, el("main.sign-in", { id: "main" }, el("div.card",
      el("h1", el("span.brand-mark", { "aria-hidden": "true" }), name), note && el("p.note", { role: "alert" }, note), form)));
    email.focus();
  });
}

/** Says how long nobody looks at passwords, and lets the next one through after it. */
function countDown(problem, button, error) {
  const until = Date.now() + (error.retryAfter ?? 5) * 1000;
  const left = () => Math.ceil((until - Date.now()) / 1000);
  // It is said aloud once; what counts down stands beside, for eyes.
  render(problem, failure(`Too many wrong passwords. You can try again in ${left()} s.`));
  const counting = el("p.hint", { "aria-hidden": "true" });
  problem.after(counting);
  const show = () => {
    if (left() > 0 && problem.isConnected) {
      counting.textContent = `${left()} s are left`;
      setTimeout(show, 500);
    } else {
      counting.remove();
      render(problem, el("p.note", "You can try again now."));
      button.disabled = false;
    }
  };
  show();
}

/** Sends the browser to the identity provider. */
async function begin(api, options, problem) {
  try {
    const answer = await api.send("POST", `${api.sessionPath}/oidc/begin`, { body: options, quietly: true });
    const target = new URL(answer.authorizationURL);
    if (target.protocol !== "https:" && target.hostname !== "localhost" && target.hostname !== "127.0.0.1") {
      throw new Error("The identity provider's address is not https.");
    }
    sessionStorage.setItem("after-sign-in", location.hash);
    location.assign(target.href);
  } catch (error) {
    render(problem, failure(error.message));
  }
}

/** What the identity provider sent the browser back with. */
async function finishOIDC(api) {
  if (location.pathname !== oidcPath) return { isSignedIn: false };
  const query = new URLSearchParams(location.search);
  const hash = sessionStorage.getItem("after-sign-in") ?? "";
  sessionStorage.removeItem("after-sign-in");
  // The code is for one use, and no matter of the history.
  history.replaceState(null, "", `/${hash}`);
  if (query.has("error")) {
    return { isSignedIn: false, problem: `The identity provider refused: ${query.get("error_description") ?? query.get("error")}` };
  }
  if (!query.has("code") || !query.has("state")) return { isSignedIn: false, problem: "The identity provider's answer is not complete." };
  const body = { code: query.get("code"), state: query.get("state") };
  if (query.has("iss")) body.iss = query.get("iss");
  try {
    api.take(await api.send("POST", `${api.sessionPath}/oidc`, { body, quietly: true }));
    return { isSignedIn: await api.restore({ quietly: true }) };
  } catch (error) {
    api.user = null;
    return { isSignedIn: false, problem: error.message };
  }
}

/** Has who is signed in prove it once more. Resolves to false where they would rather not. */
export async function confirmIdentity(api) {
  const password = el("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
  const offersOIDC = await api.get(`${api.sessionPath}/oidc`, { unattended: true }).then((answer) => answer.enabled === true, () => false);
  const problem = el("div", { role: "alert" });
  const done = await ask({
    title: "Confirm that it is you",
    body: [
      el("p", "What you are about to do changes what runs, or who may change it. It needs a sign-in of the last 10 minutes."),
      field(`Password of ${api.user?.name ?? "your account"}`, password),
      problem,
      offersOIDC && el("button", { type: "button", on: { click: () => begin(api, { reauthenticate: true }, problem) } },
        icon("lock"), "Use your organization's sign-in"),
    ],
    action: "Confirm",
    submit: async () => {
      try {
        api.take(await api.send("POST", `${api.sessionPath}/reauthenticate`, { body: { password: password.value }, quietly: true }));
        return true;
      } catch (error) {
        password.value = "";
        if (error.status === 401) throw new Error("The password is wrong.");
        throw error;
      }
    },
  });
  return done === true;
}

/** How long until the session ends by itself. */
export function sessionEnd(api) {
  const session = api.user?.session;
  return session ? Date.parse(session.idleAt) - clock.now() : null;
}
