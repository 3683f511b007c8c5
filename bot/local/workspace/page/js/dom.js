/**
 * The only way this page makes elements. Everything shown comes from outside and is hostile, so text becomes text
 * nodes and nothing here (or anywhere else) assigns markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. Attributes that are null, undefined or false are left out; `true` writes an empty attribute;
 * a function under an `on…` key becomes a listener. Children may be nodes, strings, nested arrays or nothing.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

let counter = 0;

/** An id for tying labels, errors and descriptions to their controls. */
export function freshId(prefix) {
  counter += 1;
  return `${prefix}-${counter}`;
}

const signatures = new WeakMap();

/** Rebuild what `host` holds, but only when `facts` differ from last time; keyboard focus survives the rebuild. */
export function repaint(host, facts, build) {
  const signature = JSON.stringify(facts);
  if (signatures.get(host) === signature) return false;
  signatures.set(host, signature);
  keepingFocus(host, () => host.replaceChildren(...[build()].flat(Infinity).filter(isShown)));
  return true;
}

/**
 * Make the children of `host` those of `items`, in order, reusing every node whose facts are unchanged.
 * An item is `{key, facts, build}`; keys are unique within the host.
 */
export function reconcile(host, items) {
  const present = new Map([...host.children].map((node) => [node.dataset.key, node]));
  const wanted = new Set(items.map(({ key }) => key));
  keepingFocus(host, () => {
    for (const [key, node] of present) if (!wanted.has(key)) node.remove();
    let cursor = host.firstElementChild;
    for (const { key, facts, build } of items) {
      const signature = JSON.stringify(facts);
      let node = present.get(key);
      if (!node || signatures.get(node) !== signature) {
        const fresh = build();
        fresh.dataset.key = key;
        signatures.set(fresh, signature);
        if (node) {
          if (cursor === node) cursor = fresh;
          node.replaceWith(fresh);
        }
        node = fresh;
      }
      if (node === cursor) cursor = cursor.nextElementSibling;
      else host.insertBefore(node, cursor);
    }
  });
}

function keepingFocus(host, change) {
  const isInside = host !== document.activeElement && host.contains(document.activeElement);
  const giveBack = isInside ? rememberFocus(host) : () => {};
  change();
  giveBack();
}

/**
 * Remember which control has the keyboard. The returned function gives it back: to the control itself or, if it was
 * drawn anew meanwhile, to its successor in the same row of `host`, or else to the row.
 */
export function rememberFocus(host = document.body) {
  const active = document.activeElement;
  const where = focusSelector(active);
  const row = active.closest("[data-key]")?.dataset.key;
  const caret = supportsCaret(active) ? active.selectionStart : null;
  return () => {
    if (active.isConnected) {
      active.focus({ preventScroll: true });
      return;
    }
    const scope = (row && host.querySelector(`[data-key="${CSS.escape(row)}"]`)) || host;
    const successor = (where && scope.querySelector(where)) ?? (scope === host ? null : scope);
    successor?.focus({ preventScroll: true });
    if (caret !== null && successor && supportsCaret(successor)) successor.setSelectionRange(caret, caret);
  };
}

function supportsCaret(control) {
  return (
    control.tagName === "TEXTAREA" || ["text", "search", "url", "tel", "password"].includes(control.type)
  );
}

function focusSelector(element) {
  const block = element.closest("[data-block-id]")?.dataset.blockId;
  const action = element.dataset.actionId;
  if (action) {
    const inside = `[data-action-id="${CSS.escape(action)}"]`;
    const option = element.value && element.type !== "text" ? `[value="${CSS.escape(element.value)}"]` : "";
    const exact = ["radio", "checkbox"].includes(element.type) ? inside + option : inside;
    return block ? `[data-block-id="${CSS.escape(block)}"] ${exact}` : exact;
  }
  return element.dataset.testid ? `[data-testid="${CSS.escape(element.dataset.testid)}"]` : null;
}
