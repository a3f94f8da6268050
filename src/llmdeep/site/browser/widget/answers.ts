/**
 * Where a figure's answer comes from: the stored states where they have it, Python where they do
 * not, the newest parameters always winning. A picture that is not the answer never poses as it.
 */

import { report, waitingFor, waitingForData, type Report } from "../words";
import { runtime, type Progress, type Rendered, type RuntimeStatus } from "../runtime/client";
import type { View } from "../views/types";
import { unpack } from "../views/wire";
import type { Controls } from "./controls";
import { describe, type Params } from "./panel";
import type { Stage } from "./stage";
import { storedStates, type WidgetFile } from "./states";

export interface Shown {
  params: Params;
  views: readonly View[];
  edits: Record<string, string>; // the code that gave them, where it is the reader's
  exact: boolean; // false where the numbers are those of the stored states, rounded
  complete: boolean; // false of a picture on the way to the answer
}

export interface Answers {
  /**
   * Answers the parameters as they are now; `final` once the reader let go of the control, `live`
   * if Python is to compute what is stored too. The promise is kept when nothing more will come of it.
   */
  answer(final: boolean, live?: boolean): Promise<void>;
  /** Says that a control refuses its value, and of what the picture still is. */
  refuse(): void;
  /** Replaces the code of some sources, by name, from the next answer on. */
  edit(edits: Record<string, string>): void;
  shown(): Shown;
  waiting(): boolean;
  dispose(): void;
}

const PATIENCE = 2000; // milliseconds before Stop and a progress bar appear

/** `failed` hears the traceback of code that failed. */
export function startAnswers(
  host: HTMLElement,
  key: string,
  file: WidgetFile,
  controls: Controls,
  stage: Stage,
  failed: (traceback: string) => void,
): Answers {
  const states = storedStates(file);
  const stopButton = host.querySelector<HTMLElement>('[data-action="stop"]')!;
  const none: Record<string, string> = {};
  let edits = none;
  let shown: Shown = { params: { ...controls.params }, views: states.exact(controls.params)!, edits, exact: false, complete: true };
  let asked = 0; // renders asked of Python
  let drawn = 0; // the newest of them that was drawn, or was overtaken by a stored state
  let waiting = false;
  let coming: Shown | undefined; // a picture on the way, to be drawn with the next frame
  let frame = 0;
  let impatient: ReturnType<typeof setTimeout> | undefined;
  let disposed = false;
  const unsubscribe = runtime.subscribe(showWait);
  stage.adopt(shown.views);

  async function answer(final: boolean, live = false): Promise<void> {
    const params = { ...controls.params };
    const computed = live || Object.keys(edits).length > 0;
    const stored = computed ? undefined : states.exact(params);
    if (!stored) {
      const near = computed || runtime.status().state === "ready" ? undefined : states.nearest(params);
      if (near) draw({ params: { ...params, [near.control.name]: near.value }, views: near.views, edits: none, exact: false, complete: true });
      return ask(params, true);
    }
    runtime.leave(key);
    endWait();
    drawn = asked;
    controls.forgive();
    draw({ params, views: stored, edits: none, exact: false, complete: true });
    settle("static", final ? `${summary(shown)} · precomputed` : undefined);
    if (final && runtime.status().state === "ready") await ask(params, false); // all digits, where the table is rounded
  }

  /** Asks Python. Answers on the way to the newest are drawn too, or a drag would show nothing. */
  async function ask(params: Params, wait: boolean): Promise<void> {
    const ticket = ++asked;
    if (wait) beginWait();
    const started = runtime.status().state === "ready" ? performance.now() : undefined;
    const code = edits;
    const outcome = await runtime.render(key, file.name, params, code, {
      fetching: (progress) => ticket === asked && showFetching(progress),
      views: (rendered) => ticket > drawn && drawSoon(picture(rendered, false)),
    });
    function picture({ text, arrays }: Rendered, complete: boolean): Shown {
      return { params, views: unpack(text, arrays), edits: code, exact: true, complete };
    }
    if (disposed || ticket <= drawn) return;
    if (outcome.ok) {
      drawn = ticket;
      controls.forgive();
      draw(picture(outcome.rendered, true));
      if (ticket !== asked) return;
      endWait();
      settle("live", `${summary(shown)} · computed here${took(started)}`);
    } else if (ticket === asked && wait) {
      if (coming) draw(coming);
      endWait();
      if (outcome.failure.kind === "stopped" && !shown.complete) return settle("live", "Stopped. The picture shows how far it came.");
      const told = report(outcome.failure, "This figure");
      const { summary: text, traceback } = told;
      const refused = outcome.failure.kind === "error" && outcome.failure.type === "ControlError" && Object.keys(code).length === 0;
      if (refused && controls.blame(text)) return refuse();
      const rest = outcome.failure.kind === "unavailable" ? " One control moved at a time still answers." : "";
      fail({ ...told, summary: text + rest });
      if (traceback) failed(traceback);
    }
  }

  /** A picture on the way to the answer, unless a newer one is there before the next frame. */
  function drawSoon(next: Shown): void {
    coming = next;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (!coming || disposed) return;
      draw(coming);
      stage.pending(false);
      stopButton.hidden = false;
    });
  }

  function draw(next: Shown): void {
    coming = undefined;
    shown = next;
    stage.draw(next.views);
  }

  function settle(state: "static" | "live", text?: string): void {
    if (controls.refused()) return refuse();
    host.dataset.state = state;
    stage.message();
    if (text !== undefined) stage.say(text);
  }

  function fail(told: Report): void {
    host.dataset.state = "error";
    stage.message({ ...told, summary: `${told.summary} ${still()}` });
    stage.say("");
  }

  function refuse(): void {
    endWait();
    host.dataset.state = "error";
    stage.message({ summary: still() }); // what is wrong stands beside the control
    stage.say("");
  }

  function still(): string {
    return shown.complete ? `The picture still shows ${summary(shown)}.` : "The picture shows how far it came.";
  }

  // Waiting ---------------------------------------------------------------------------------------

  function beginWait(): void {
    if (!waiting) stage.message();
    waiting = true;
    stage.pending(true);
    showWait(runtime.status());
  }

  function endWait(): void {
    waiting = false;
    coming = undefined;
    clearTimeout(impatient);
    impatient = undefined;
    stopButton.hidden = true;
    stage.progress(undefined);
    stage.pending(false);
  }

  function showWait({ state, progress }: RuntimeStatus): void {
    if (!waiting) return;
    const computing = state === "ready";
    host.dataset.state = computing ? "busy" : "booting";
    stage.say(waitingFor(runtime.status()));
    if (!computing) stage.progress(progress ?? "unknown");
    else if (!impatient) {
      stage.progress(undefined);
      impatient = setTimeout(() => {
        stopButton.hidden = false;
        stage.progress("unknown");
      }, PATIENCE);
    }
  }

  function showFetching(progress: Progress): void {
    if (!waiting) return;
    if (progress.loaded === progress.total) return showWait(runtime.status());
    clearTimeout(impatient);
    impatient = undefined;
    host.dataset.state = "busy";
    stopButton.hidden = false;
    stage.say(waitingForData(progress));
    stage.progress(progress.loaded / progress.total);
  }

  // Words -----------------------------------------------------------------------------------------

  function summary({ params, edits }: Shown): string {
    const moved = file.panel.filter((control) => params[control.name] !== control.default);
    const words = moved.map((control) => `${control.label} ${control.kind === "text" ? quote(String(params[control.name])) : describe(control, params[control.name]!)}`);
    if (Object.keys(edits).length > 0) words.push("edited code");
    return words.join(", ") || "the figure as it began";
  }

  return {
    answer,
    refuse,
    edit: (next) => (edits = next),
    shown: () => shown,
    waiting: () => waiting,
    dispose() {
      disposed = true;
      runtime.leave(key);
      endWait();
      unsubscribe();
    },
  };
}

function quote(text: string): string {
  const line = Array.from(text.replace(/\s+/g, " "));
  return `“${line.length > 28 ? `${line.slice(0, 26).join("")}…` : line.join("")}”`;
}

function took(started: number | undefined): string {
  if (started === undefined) return ""; // most of the time went into starting Python
  return ` in ${Math.max(1, Math.round(performance.now() - started)).toLocaleString("en-US")} ms`;
}
