/**
 * The first paint leaves out what is far from the window (book.css). As soon as it is done, that is
 * laid out too, a little at a time: what asks the page for its text, to translate it or to read it
 * aloud, finds all of it, and every block has the height that it has.
 */

const WORK = 5; // milliseconds at a time, on a machine four times as fast as a phone

export function settle(): void {
  const blocks = [...document.querySelectorAll(".md-typeset > [style]")];
  const some = (): void => {
    const until = performance.now() + WORK;
    while (blocks.length > 0 && performance.now() < until) {
      const block = blocks.shift()!;
      block.removeAttribute("style"); // the measure that its height was guessed from
      block.getBoundingClientRect(); // laid out now, so that the time is counted
    }
    if (blocks.length > 0) setTimeout(some);
  };
  requestAnimationFrame(() => setTimeout(some));
}
