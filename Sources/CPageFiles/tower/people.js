// People and tokens: who may sign in, which programs may, and who gets mails.

import { ask, changed, field } from "../shared/dialog.js";
import { el } from "../shared/dom.js";
import { badge } from "../shared/icons.js";
import { Repeating, wholeList } from "../shared/resources.js";
import { Portion, table } from "../shared/table.js";
import { timeElement } from "../shared/time.js";
import { attempt, toast } from "../shared/toast.js";

const roles = { admin: "admin: everything", operator: "operator: runs deployments", viewer: "viewer: reads" };
const tokenRoles = { agent: "agent: one Agent's records", viewer: "viewer: reads", operator: "operator: runs deployments", admin: "admin: everything" };

export function peopleView({ api, state, update }) {
  const tower = state.tower;
  let isTruncated = false;
  const portion = new Portion(update);
  let [accounts, tokens, recipients, problem] = [null, null, null, null];
  const load = async () => {
    try {
      const all = await wholeList(api, "/api/admin/accounts", "accounts", { size: 200 });
      isTruncated = all.isTruncated;
      accounts = all.items.sort((one, other) => one.email.localeCompare(other.email));
      tokens = (await api.get("/api/admin/tokens", { unattended: true })).tokens;
      recipients = (await api.get("/api/admin/notices/recipients", { unattended: true })).recipients;
      problem = null;
    } catch (error) {
      problem = error;
    }
    update();
  };
  const change = (act) => act().then(load, load);
  const again = new Repeating(api, load);
  return {
    title: "People and tokens",
    start() {
      load();
      again.start();
    },
    stop() { again.stop(); },
    show() {
      return [
        el("div.page-head", el("h1", "People and tokens")),
        problem && el("p.problem", problem.message),
        accounts && el("section.stack",
          el("div.row.between", el("h2", "People"), el("button.primary", { type: "button", on: { click: () => change(() => addAccount(api)) } }, "Add a person")),
          table({
            label: "People", rows: portion.of(accounts), key: (one) => one.id,
            columns: [
              { label: "Person", cell: (one) => [el("strong.text", one.name || one.email), el("div.muted.small.text", one.email)] },
              { label: "Role", cell: (one) => one.role },
              { label: "State", cell: (one) => (one.state === "active" ? badge("good", "Active") : badge("off", "Disabled")) },
              { label: "Signs in by", cell: (one) => [one.hasPassword && "password", one.oidcSubject && "identity provider"].filter(Boolean).join(", ") || "identity provider, at first sign-in" },
              { label: "Last sign-in", cell: (one) => (one.lastSignInAt ? timeElement(one.lastSignInAt) : "never") },
              { label: "Do", cell: (one) => el("div.actions",
                el("button.quiet", { type: "button", "aria-label": `Change ${one.email}`, on: { click: () => change(() => changeAccount(api, one)) } }, "Change"),
                el("button.quiet", { type: "button", "aria-label": `Give ${one.email} a new password`, on: { click: () => change(() => resetPassword(api, one)) } }, "New password"),
                el("button.quiet", { type: "button", "aria-label": `Remove ${one.email}`, on: { click: () => change(() => removeAccount(api, one)) } }, "Remove")) },
            ],
          }), portion.foot(accounts, isTruncated)),
        tokens && el("section.stack",
          el("div.row.between", el("h2", "Tokens"), el("button", { type: "button", on: { click: () => change(() => addToken(api, tower)) } }, "Make a token")),
          el("p.muted", "For Agents and programs, such as kubectl. People sign in."),
          table({
            label: "Tokens", rows: tokens, key: (one) => one.name, empty: "There are no tokens. An Agent needs one.",
            columns: [
              { label: "Name", cell: (one) => el("strong.text", one.name) },
              { label: "Role", cell: (one) => (one.namespace ? `${one.role}, of ${one.namespace}` : one.role) },
              { label: "Made", cell: (one) => timeElement(one.createdAt) },
              { label: "Last used", cell: (one) => (one.lastUsedAt ? timeElement(one.lastUsedAt, { form: "relative" }) : "never") },
              { label: "Ends", cell: (one) => (!one.isValid ? badge("off", "Expired") : one.expiresAt ? timeElement(one.expiresAt) : "when it is revoked") },
              { label: "Do", cell: (one) => el("button.quiet", { type: "button", "aria-label": `Revoke ${one.name}`, on: { click: () => change(() => revoke(api, one)) } }, "Revoke") },
            ],
          })),
        recipients && el("section.card", { "aria-label": "Mails" }, el("h2", "Who gets mails"),
          recipients.length === 0 ? el("p.muted", "Nobody yet.") : el("ul.plain.entries", recipients.map((one) => el("li", { key: one.address },
            el("label.choice", el("input", { type: "checkbox", checked: one.mail, on: { change: (event) => change(() => attempt(() => api.change("PUT", "/api/admin/notices/recipients", { address: one.address, mail: event.target.checked }), `${one.address} ${event.target.checked ? "gets" : "gets no"} mails.`)) } }), el("span.text", one.address)),
            one.source !== "account" && el("span.muted", `set by ${one.source}`)))),
          el("div.actions", el("button", { type: "button", on: { click: () => test(api) } }, "Send a test to everybody"))),
      ];
    },
  };
}

function select(options, value) {
  return el("select", { value }, Object.entries(options).map(([name, label]) => el("option", { value: name, selected: name === value }, label)));
}

/** What is shown once, and nobody sees again. */
function showOnce(title, text, value) {
  const shown = el("input", { value, readonly: true, spellcheck: "false", class: "mono" });
  return ask({ title, body: [el("p", text), field("Shown this once", shown)], action: "I have kept it", cancel: "Close", submit: async () => true });
}

async function addAccount(api) {
  const email = el("input", { type: "email", required: true, autocomplete: "off" });
  const name = el("input", { autocomplete: "off", maxlength: "200" });
  const role = select(roles, "operator");
  const way = select({ password: "a password that is made now", oidc: "the identity provider" }, "password");
  const made = await ask({
    title: "Add a person", body: [field("Email address", email), field("Name", name), field("Role", role), field("Signs in by", way)], action: "Add",
    submit: () => api.change("POST", "/api/admin/accounts", { email: email.value.trim(), name: name.value.trim(), role: role.value, signIn: way.value }, { recent: true }),
  });
  if (made?.password) await showOnce(`The password of ${made.account.email}`, "Give it to the person by a way that you trust. They change it after signing in.", made.password);
}

async function changeAccount(api, account) {
  const name = el("input", { value: account.name, maxlength: "200" });
  const role = select(roles, account.role);
  const state = select({ active: "active", disabled: "disabled: cannot sign in" }, account.state);
  await ask({
    title: `Change ${account.email}`, body: [field("Name", name), field("Role", role), field("State", state), el("p.hint", "Where role or state change, the person has to sign in anew.")], action: "Save",
    submit: () => changed(account, { name: name.value, role: role.value, state: state.value },
      (fields) => api.change("PATCH", `/api/admin/accounts/${encodeURIComponent(account.id)}`, fields, { recent: true })),
  });
}

async function resetPassword(api, account) {
  const made = await ask({
    title: `A new password for ${account.email}?`, body: [el("p", "The present one is worthless then, and the person's sessions end.")], action: "Make a new password", kind: "danger",
    submit: () => api.change("PATCH", `/api/admin/accounts/${encodeURIComponent(account.id)}`, { resetPassword: true }, { recent: true }),
  });
  if (made?.password) await showOnce(`The new password of ${account.email}`, "Give it to the person by a way that you trust. They change it after signing in.", made.password);
}

function removeAccount(api, account) {
  return ask({
    title: `Remove ${account.email}?`, body: [el("p", "Their sessions end. What they did stays in the audit.")], action: "Remove", kind: "danger",
    submit: () => api.change("DELETE", `/api/admin/accounts/${encodeURIComponent(account.id)}`, undefined, { recent: true }),
  });
}

async function addToken(api, tower) {
  const name = el("input", { required: true, maxlength: "100", autocomplete: "off", spellcheck: "false" });
  const namespace = el("input", { value: tower.status.value?.namespace ?? "", autocomplete: "off", spellcheck: "false" });
  const bound = field("Namespace of its records", namespace, "The Agent's WRKTALK_AGENT_KUBE_NAMESPACE.");
  const role = el("select", { value: "agent", on: { change: () => { bound.hidden = role.value !== "agent"; } } }, Object.entries(tokenRoles).map(([value, label]) => el("option", { value }, label)));
  const life = el("input", { type: "number", min: "1", max: "3650", step: "1", value: "" });
  const made = await ask({
    title: "Make a token", body: [field("Name", name, "Without spaces; it appears in logs and in the audit."), field("Role", role), bound, field("Ends after days (empty: when it is revoked)", life)], action: "Make it",
    submit: () => api.change("POST", "/api/admin/tokens", { name: name.value.trim(), role: role.value, ...(role.value === "agent" ? { namespace: namespace.value.trim() } : {}), ...(life.value ? { expiresInDays: Number(life.value) } : {}) }, { recent: true }),
  });
  if (made?.token) await showOnce(`The token ${made.name}`, "Put it where the program reads it. Only its digest is kept here.", made.token);
}

function revoke(api, token) {
  return ask({
    title: `Revoke ${token.name}?`, body: [el("p", "Whoever uses it is refused within seconds. An Agent without a token deploys and corrects nothing.")], action: "Revoke", kind: "danger",
    submit: () => api.change("DELETE", `/api/admin/tokens/${encodeURIComponent(token.name)}`, undefined, { recent: true }),
  });
}

async function test(api) {
  const answer = await attempt(() => api.change("POST", "/api/admin/notices/test", {}));
  if (!answer) return;
  const failed = answer.channels.filter((one) => !one.delivered);
  if (answer.channels.length === 0) toast("warn", "There is no way set up to send notices: no mail server, and no webhook.");
  else if (failed.length > 0) toast("bad", failed.map((one) => `${one.recipient ?? one.channel}: ${one.error}`).join("; "));
  else toast("good", "Everybody was sent a test.");
}
