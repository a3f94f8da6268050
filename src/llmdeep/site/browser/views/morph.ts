/** One piece of a page turned into another in place, so that focus and scroll places stay. */

/**
 * Turns `old` into `next` with as few changes as a walk side by side finds; returns what is in
 * place. An open <details> stays open, and the numbers of a matrix stay if `next` leaves them out.
 */
export function morph(old: Element, next: Element): Element {
  if (old.tagName !== next.tagName || old.namespaceURI !== next.namespaceURI) {
    old.replaceWith(next);
    return next;
  }
  morphAttributes(old, next);
  if (old.classList.contains("numbers") && !next.firstChild) return old;
  let [before, after] = [old.firstChild, next.firstChild];
  while (after) {
    const [rest, wanted]: [ChildNode | null, ChildNode | null] = [before?.nextSibling ?? null, after.nextSibling];
    if (!before) old.append(after);
    else if (before instanceof Element && after instanceof Element) morph(before, after);
    else if (before.nodeType !== after.nodeType) before.replaceWith(after);
    else if (before.nodeValue !== after.nodeValue) before.nodeValue = after.nodeValue;
    [before, after] = [rest, wanted];
  }
  while (before) {
    const rest: ChildNode | null = before.nextSibling;
    before.remove();
    before = rest;
  }
  return old;
}

/** By their names: to ask for `attributes` makes an object of each. */
function morphAttributes(old: Element, next: Element): void {
  for (const name of next.getAttributeNames()) {
    const value = next.getAttribute(name)!;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const name of old.getAttributeNames()) {
    if (!next.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
  }
}
