/**
 * The theme takes the first jump within a page for a visit to another: it fetches the page and puts
 * it in again, and what the reader had run, changed and typed is gone. As long as the page is the one
 * that was loaded, jumps are left to the browser.
 */

export function keepPageOnJumps(): void {
  const article = document.querySelector("article"); // a visit puts in another
  const leave = (): boolean => article?.isConnected ?? false;
  const { pathname } = location;
  document.addEventListener(
    "click",
    (event) => {
      const link = (event.target as Element).closest<HTMLAnchorElement>("a[href]");
      if (link?.hash && link.host === location.host && link.pathname === pathname && leave()) event.stopPropagation();
    },
    { capture: true },
  );
  window.addEventListener("popstate", (event) => {
    if (location.pathname === pathname && leave()) event.stopImmediatePropagation();
  });
}
