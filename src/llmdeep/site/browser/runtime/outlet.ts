/**
 * Sends a task's output to the page as it comes, but a loop that prints for ever a few times a
 * second only, so that the page stays awake. (Its total is capped in session.py.)
 */

import type { Stream } from "./protocol";

export type Emit = (stream: Stream, text: string) => void;

const INTERVAL = 50; // milliseconds
const BURST = 20; // messages sent at once in an interval; later ones wait for its end

export function outlet(send: Emit): { emit: Emit; flush: () => void } {
  let waiting: { stream: Stream; text: string } | undefined;
  let began = 0;
  let sent = 0;

  function flush(): void {
    if (waiting === undefined) return;
    send(waiting.stream, waiting.text);
    waiting = undefined;
    sent += 1;
  }

  function emit(stream: Stream, text: string): void {
    if (waiting?.stream === stream) waiting.text += text;
    else {
      flush();
      waiting = { stream, text };
    }
    const now = performance.now();
    if (now - began > INTERVAL) {
      began = now;
      sent = 0;
    }
    if (sent < BURST) flush();
  }

  return { emit, flush };
}
