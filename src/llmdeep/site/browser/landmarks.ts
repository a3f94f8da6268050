/**
 * The theme puts each code block's copy button into a <nav> without a name, one of many on a page
 * that a screen reader would list as landmarks. They are no landmarks.
 */

export function quietCopyButtons(): void {
  const quiet = (root: ParentNode): void =>
    root.querySelectorAll(".md-code__nav").forEach((nav) => nav.setAttribute("role", "none"));
  quiet(document);
  new MutationObserver((changes) => {
    for (const { target } of changes) if (target instanceof HTMLPreElement) quiet(target);
  }).observe(document.body, { childList: true, subtree: true });
}
