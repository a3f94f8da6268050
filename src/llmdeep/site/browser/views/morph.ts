/** One piece of a page turned into another in place, so that focus and scroll places stay. */

/**
 * Turns `old` into `next` with as few changes as a walk side by side finds; returns what is in
 * place. An open <details> stays open, and the numbers of a matrix stay if `next` leaves them out.
 */
export function morph(old: Element, next: Element): Element {
  if (old.isEqualNode(next)) return old;
  if (old.tagName !== next.tagName) {
    old.replaceWith(next);
    return next;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.classList.contains("numbers") && !next.firstChild) return old;
  const [before, after] = [[...old.childNodes], [...next.childNodes]];
  after.forEach((child, i) => {
    const counterpart = before[i];
    if (!counterpart) old.append(child);
    else if (counterpart instanceof Element && child instanceof Element) morph(counterpart, child);
    else if (counterpart.nodeType !== child.nodeType) counterpart.replaceWith(child);
    else if (counterpart.nodeValue !== child.nodeValue) counterpart.nodeValue = child.nodeValue;
  });
  for (const extra of before.slice(after.length)) extra.remove();
  return old;
}
