/** Plays a Steps control: one stage after the other, until the last, until it is paused. */

const PACE = 1100; // milliseconds a stage: time to read one title and glance at one picture

export interface Player {
  toggle(): void;
  pause(): void;
}

/** `advance` moves one stage on and returns false at the end; it is not called while `waiting()`. */
export function player(advance: () => boolean, waiting: () => boolean, playing: (now: boolean) => void): Player {
  let timer: ReturnType<typeof setInterval> | undefined;

  function pause(): void {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    playing(false);
  }

  function tick(): void {
    if (document.hidden) pause();
    else if (!waiting() && !advance()) pause();
  }

  function toggle(): void {
    if (timer !== undefined) return pause();
    timer = setInterval(tick, PACE);
    playing(true);
  }

  return { toggle, pause };
}
