/** What a cell does once a button is pressed. Cells of a page share one namespace, top to bottom. */

import { report, sentence, waitingFor, waitingForData, type Report } from "../words";
import { runtime, type Failure, type Progress, type RuntimeStatus } from "../runtime/client";
import type { CellElement } from "./cell";
import { bindCode } from "./code";
import { bindOutput } from "./output";

export interface Workbench {
  act(action: string): void;
  /** Runs the cell; true if it ended well. */
  run(): Promise<boolean>;
  dispose(): void;
}

/** How an answer may be unfinished, and what to say where the chapter says nothing. */
const MISSING: Record<string, string> = {
  AssertionError: "A check does not hold",
  NotImplementedError: "There is no answer here so far",
};

const done = new Set<Element>(); // cells that ran in the namespaces as they are now
runtime.subscribe(({ state }) => {
  if (state !== "ready") done.clear(); // a new worker knows nothing of what ran in the old one
});

export function startWorkbench(host: CellElement): Workbench {
  const page = location.pathname;
  const exercise = host.dataset.kind === "exercise";
  const code = bindCode(host, () => act(exercise ? "check" : "run"), showEdited, say, exercise ? host.memory : undefined);
  const output = bindOutput(host.querySelector<HTMLElement>("[data-output]")!, host.id);
  const status = host.querySelector<HTMLElement>("[data-status]")!;
  const stopButton = host.querySelector<HTMLElement>('[data-action="stop"]')!;
  const progress = document.createElement("progress");
  progress.setAttribute("aria-label", "Progress");
  let running = false;
  const unsubscribe = runtime.subscribe(showBooting);
  showEdited();

  function act(action: string): void {
    if (action === "run") void run();
    else if (action === "run-above") void runAbove(true);
    else if (action === "check") void check();
    else if (action === "retry") act(exercise ? "check" : "run");
    else if (action === "edit") void code.edit();
    else if (action === "stop") void runtime.stop();
    else if (action === "reset") reset();
  }

  async function run(): Promise<boolean> {
    const ended = await execute(code.text());
    if (ended === undefined) return false;
    if (ended === true) {
      done.add(host);
      finish("idle", claims(code.text()) || "Done");
      return true;
    }
    fail(ended, report(ended, "This cell"));
    return false;
  }

  /** Runs the cells above, in order, until one fails; all of them, or those that have not run yet. */
  async function runAbove(all: boolean): Promise<boolean> {
    const cells = [...document.querySelectorAll<CellElement>("llmdeep-cell:not([data-kind])")];
    const above = cells.filter((cell) => cell.compareDocumentPosition(host) & Node.DOCUMENT_POSITION_FOLLOWING);
    for (const cell of above) {
      if (!all && done.has(cell)) continue;
      if (!(await cell.run())) {
        status.textContent = "A cell above this one failed, so this one was not run.";
        return false;
      }
    }
    return all && !exercise ? run() : true;
  }

  /** The reader's answer and its check, in a copy of the page's namespace. */
  async function check(): Promise<void> {
    if (running) return;
    host.dataset.state = "busy";
    if (!(await runAbove(false))) {
      host.dataset.state = "error";
      return;
    }
    const answer = `${code.text()}\n`;
    const checks = host.querySelector("[data-check] code")!.textContent!;
    const ended = await execute(answer + checks, true);
    if (ended === undefined) return;
    if (ended === true) {
      host.dataset.result = "pass";
      return finish("idle", "✓ Right: every check holds");
    }
    host.dataset.result = "fail";
    const missing = ended.kind === "error" ? MISSING[ended.type] : undefined;
    const told = missing && ended.kind === "error" ? { summary: `Not yet. ${sentence(ended.message || missing)}` } : report(ended, "This answer");
    fail(ended, told, answer.split("\n").length - 1);
  }

  /** Runs code; true, its failure, or undefined if it was running already. */
  async function execute(text: string, scratch = false): Promise<true | Failure | undefined> {
    if (running) return undefined;
    running = true;
    code.mark(0);
    delete host.dataset.result;
    output.begin();
    showBooting(runtime.status());
    stopButton.hidden = false;
    const outcome = await runtime.run(page, text, output.print, scratch, { fetching });
    running = false;
    progress.remove();
    stopButton.hidden = true;
    if (!outcome.ok) return outcome.failure;
    if (outcome.value) await output.value(outcome.value);
    output.end();
    return true;
  }

  function finish(state: "idle" | "error", text: string): void {
    host.dataset.state = state;
    say(text);
  }

  /** A failure in place; `lines` of the code are the reader's own and can be marked. */
  function fail(failure: Failure, { summary, traceback, retry }: Report, lines = Infinity): void {
    if (failure.kind === "error") {
      const line = Number([...failure.traceback.matchAll(/this cell, line (\d+)|\(this cell, line (\d+)\)/g)].at(-1)?.slice(1).find(Boolean) ?? 0);
      code.mark(line <= lines ? line : 0);
      const hint = failure.type === "NameError" && !exercise ? " Cells above may define it: press “Run all above”." : "";
      output.report({ summary: summary + hint, traceback });
    } else output.report({ summary, retry }, failure.kind === "unavailable" || failure.kind === "data");
    finish("error", failure.kind === "error" ? (exercise ? "Not yet" : "Failed") : failure.kind === "stopped" ? "Stopped" : "Not run");
  }

  function reset(): void {
    code.restore();
    output.restore();
    delete host.dataset.result;
    finish("idle", "Back to the code of the chapter");
    host.dataset.state = "static";
  }

  function say(text: string): void {
    status.textContent = text;
  }

  function showEdited(): void {
    host.toggleAttribute("data-edited", code.edited());
  }

  function fetching(now: Progress): void {
    if (now.loaded === now.total) {
      progress.remove();
      return showBooting(runtime.status());
    }
    progress.value = now.loaded / now.total;
    if (!progress.isConnected) status.after(progress);
    status.textContent = waitingForData(now);
  }

  function showBooting(now: RuntimeStatus): void {
    if (!running) return;
    host.dataset.state = now.state === "ready" ? "busy" : "booting";
    status.textContent = waitingFor(now);
  }

  return {
    act,
    run,
    dispose() {
      unsubscribe();
      code.dispose();
    },
  };
}

function claims(code: string): string {
  const count = code.match(/^assert\b/gm)?.length ?? 0;
  return count === 0 ? "" : count === 1 ? "✓ The claim holds" : `✓ All ${count} claims hold`;
}
