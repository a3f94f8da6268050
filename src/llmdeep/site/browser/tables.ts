/**
 * The theme puts each table of the prose into a box that scrolls sideways where the table is wider
 * than the column. Such a box is a stop for the keyboard, or not everyone could scroll it; where
 * there is nothing to scroll it is none.
 */

export function reachTables(): void {
  for (const box of document.querySelectorAll(BOX)) {
    widths.observe(box);
    for (const table of box.children) widths.observe(table);
  }
}

const BOX = ".md-typeset__scrollwrap";

const STOP = { tabindex: "0", role: "group", "aria-label": "Table" };

const widths = new ResizeObserver((entries) => {
  for (const box of new Set(entries.map(({ target }) => target.closest(BOX)))) {
    if (!box) continue;
    const scrolls = box.scrollWidth > box.clientWidth;
    for (const [name, value] of Object.entries(STOP)) {
      if (scrolls) box.setAttribute(name, value);
      else box.removeAttribute(name);
    }
  }
});
