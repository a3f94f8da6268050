/**
 * On a narrow window the contents stand in a drawer outside of it, where the Tab key finds their
 * links all the same. The drawer opens for the key, at the part that it has come to, and closes
 * behind it.
 */

export function showContentsToKeys(): void {
  let opened = false; // for the keyboard, not by a tap
  document.addEventListener("focusin", ({ target }) => {
    const link = target as Element;
    const drawer = document.querySelector<HTMLInputElement>("#__drawer")!;
    const contents = link.closest(".md-sidebar--primary");
    if (contents && getComputedStyle(contents).position === "fixed") {
      unfold(contents, link);
      requestAnimationFrame(() => scrollBack(contents, link));
      opened ||= !drawer.checked;
      if (!drawer.checked) drawer.click(); // which the theme hears
    } else if (opened) {
      opened = false;
      if (drawer.checked) drawer.click();
    }
  });
}

/** Each part of the contents is a sheet of its own, over the one that leads to it. */
function unfold(contents: Element, link: Element): void {
  for (const fold of contents.querySelectorAll<HTMLInputElement>(".md-nav__toggle")) {
    fold.checked = fold.parentElement!.querySelector(":scope > nav")?.contains(link) ?? false;
  }
}

/** The browser scrolls to where the link stood before its sheet came in. */
function scrollBack(contents: Element, link: Element): void {
  for (let box = link; box !== contents; box = box.parentElement!) box.scrollLeft = 0;
}
