/**
 * The first paint leaves out what is far from the window (book.css). As soon as it is done, that is
 * laid out too, a little at a time: what asks the page for its text, to translate it or to read it
 * aloud, finds all of it, and every block has the height that it has.
 */

const WORK = 5; // milliseconds at a time, on a machine four times as fast as a phone

const MOVES = ["wheel", "touchmove", "pointerdown", "keydown"]; // by which a reader leaves a place

export function settle(): void {
  const landed = watchLanding();
  const blocks = [...document.querySelectorAll(".md-typeset > [style]")];
  const some = (): void => {
    const until = performance.now() + WORK;
    while (blocks.length > 0 && performance.now() < until) {
      const block = blocks.shift()!;
      block.removeAttribute("style"); // the measure that its height was guessed from
      block.getBoundingClientRect(); // laid out now, so that the time is counted
    }
    if (blocks.length > 0) return void setTimeout(some);
    landed();
    afterFrame(() => document.querySelector("article")?.classList.add("settled"));
  };
  afterFrame(some);
}

/** With a frame the browser takes note of heights, in which blocks may then rest (resting.css). */
function afterFrame(then: () => void): void {
  requestAnimationFrame(() => setTimeout(then));
}

/**
 * An address that names a heading was followed while heights were guessed. Returns what puts the
 * heading back in its place once they are known, if the reader has not gone elsewhere.
 */
function watchLanding(): () => void {
  const heading = document.getElementById(location.hash.slice(1));
  const life = new AbortController();
  for (const move of MOVES) addEventListener(move, () => life.abort(), { signal: life.signal, capture: true, passive: true });
  return () => {
    if (!life.signal.aborted) heading?.scrollIntoView();
    life.abort();
  };
}
