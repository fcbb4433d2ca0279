// Builds elements from text alone: nothing here, or in any page, turns text into markup.

/** What listens on each element, so that `render` can hand the newer one to an element that stays. */
const listeners = new WeakMap();
/** What `value` and `checked` were asked to be last: what a person has typed since stays. */
const asked = new WeakMap();
const keys = new WeakMap();
/** Elements whose content `render` leaves to whoever made them. */
const owned = new WeakSet();

const properties = new Set(["value", "checked", "disabled", "selected", "indeterminate", "open"]);
const attributes =
  /^(aria-[a-z]+|data-[a-z-]+|accept|alt|autocomplete|cols|colspan|datetime|d|dir|disabled|download|enterkeyhint|fill|for|height|hidden|href|id|inputmode|label|lang|list|max|maxlength|min|minlength|multiple|name|novalidate|open|pattern|placeholder|readonly|rel|required|role|rows|scope|selected|size|spellcheck|src|step|tabindex|target|title|type|value|viewBox|width|x|y|cx|cy|r|rx|x1|x2|y1|y2|points|transform|preserveAspectRatio|stroke-width|popover|popovertarget|checked)$/;
const svgNames = new Set(["svg", "path", "circle", "rect", "line", "polyline", "g"]);

/**
 * Makes an element: `el("p.note", { id: "x", on: { click } }, "text", other)`.
 * @param {string} form a tag, with classes after dots
 * @param {object} [props] attributes; `class`; `on`: listeners; `css`: custom properties; `key`: what `render` knows it by;
 *   `own`: true where its content is left alone
 * @param {...any} children text, elements, lists of them; null and false are left out
 */
export function el(form, props, ...children) {
  if (props === null || props === undefined || typeof props !== "object" || props instanceof Node || Array.isArray(props)) {
    children.unshift(props);
    props = {};
  }
  const [tag, ...classes] = form.split(".");
  const node = svgNames.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  const all = [...classes, ...(props.class ? props.class.split(" ") : [])].filter(Boolean);
  if (all.length) node.setAttribute("class", all.join(" "));
  node.append(...flat(children));
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  return node;
}

function set(node, name, value) {
  if (name === "class" || value === undefined || value === null) return;
  if (name === "key") return void keys.set(node, String(value));
  if (name === "own") return void (value && owned.add(node));
  if (name === "on") return void Object.entries(value).forEach(([type, act]) => act && listen(node, type, act));
  if (name === "css") {
    for (const [property, text] of Object.entries(value)) node.style.setProperty(property, text);
    return;
  }
  if (!attributes.test(name)) throw new TypeError(`no attribute of a page: ${name}`);
  if (name === "href" || name === "src") value = safeAddress(value);
  if (properties.has(name) && name in node) {
    asked.set(node, { ...asked.get(node), [name]: value });
    node[name] = value;
    if (name === "value" && node.tagName !== "INPUT") return;
  }
  if (value === false) return;
  node.setAttribute(name, value === true ? "" : visible(value));
}

/** An address of this page, or of another over https; anything else leads nowhere. */
export function safeAddress(address) {
  const text = String(address);
  if (/^(#|\/(?!\/)|\?)/.test(text)) return text;
  try {
    const url = new URL(text);
    if (url.protocol === "https:" || url.protocol === "mailto:") return url.href;
  } catch { /* no address */ }
  return "#";
}

function listen(node, type, act) {
  let known = listeners.get(node);
  if (!known) listeners.set(node, (known = {}));
  if (!(type in known)) node.addEventListener(type, (event) => listeners.get(node)?.[type]?.call(node, event));
  known[type] = act;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== true)
    .map((child) => (child instanceof Node ? child : document.createTextNode(visible(child))));
}

/**
 * Text from anywhere, with what would hide or turn it around made visible: control characters (escape sequences of terminals) and
 * those that change the direction of writing.
 */
export function visible(text) {
  return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (sign) => {
    const code = sign.codePointAt(0);
    if (code < 0x20) return code === 0x0d ? "" : String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? "\u2421" : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  });
}

// MARK: Bringing what there is up to date

/** Makes `parent` hold `children`, keeping the elements that are there already, with their focus and what was typed into them. */
export function render(parent, ...children) {
  patchChildren(parent, flat(children));
}

function sameKind(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keys.get(old) === keys.get(fresh)
    && (old.nodeName !== "INPUT" || old.type === fresh.type);
}

function patchChildren(parent, fresh) {
  const known = new Map();
  for (const child of parent.childNodes) {
    const key = keys.get(child);
    if (key !== undefined) known.set(key, child);
  }
  let place = parent.firstChild;
  for (const node of fresh) {
    const key = keys.get(node);
    let match = null;
    if (key !== undefined) {
      match = known.get(key) ?? null;
      known.delete(key);
    } else if (place && keys.get(place) === undefined) {
      match = place;
    }
    if (match && sameKind(match, node)) {
      if (match === place) place = place.nextSibling;
      else parent.insertBefore(match, place);
      patch(match, node);
    } else {
      parent.insertBefore(node, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function patch(old, fresh) {
  if (old === fresh) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // What a person has opened stays open; `style` is what `css` has set.
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "style") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) === value || name === "open" || name === "value") continue;
    // The page's policy lets no attribute `style` be written, and custom properties be set.
    if (name === "style") old.style.cssText = fresh.style.cssText;
    else old.setAttribute(name, value);
  }
  const before = asked.get(old) ?? {};
  const after = asked.get(fresh) ?? {};
  for (const [name, value] of Object.entries(after)) {
    if (before[name] !== value && (name !== "open" || old.nodeName !== "DETAILS")) old[name] = value;
  }
  if (fresh.nodeName !== "DETAILS") asked.set(old, after);
  const acts = listeners.get(fresh) ?? {};
  const present = listeners.get(old) ?? {};
  for (const type of Object.keys(present)) if (!(type in acts)) present[type] = null;
  for (const [type, act] of Object.entries(acts)) listen(old, type, act);
  if (!owned.has(fresh)) patchChildren(old, [...fresh.childNodes]);
  // A select takes no value before it has the option.
  if (old.nodeName === "SELECT" && "value" in after && before.value !== after.value) old.value = after.value;
}

let count = 0;
/** A name for an element that others refer to. */
export function uniqueID(prefix = "e") {
  count += 1;
  return `${prefix}-${count}`;
}
