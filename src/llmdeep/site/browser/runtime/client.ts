/**
 * Python on the page: one worker for all widgets and cells, started on first need and kept across
 * in-site navigation. Tasks run one at a time, in order; of one widget's waiting renders only the
 * newest is kept. Everything else about Python is behind this file.
 */

import { download, loadedShare, RuntimeUnavailable, type Files } from "./files";
import { interrupt, launch, tell } from "./link";
import type { FromWorker, Order, PythonError, Rendered, Result, Stream, Value } from "./protocol";
import { announce, status, subscribe } from "./status";

export type { Rendered, Stream, Value } from "./protocol";
export type { RuntimeState, RuntimeStatus } from "./status";

export type Failure =
  | PythonError
  | { kind: "stopped"; reset: boolean } // reset: the variables of every page were lost
  | { kind: "superseded" } // a newer render of the same widget took its place
  | { kind: "unavailable"; message: string };

export type Outcome<T> = ({ ok: true } & T) | { ok: false; failure: Failure };
export type RenderOutcome = Outcome<{ rendered: Rendered }>;
export type RunOutcome = Outcome<{ value?: Value }>;
export type OnOutput = (stream: Stream, text: string) => void;

export const runtime = { status, subscribe, start, prefetch, render, run, forget, stop };

/** Starts Python unless it runs or starts already. Never rejects: `status` says how it went. */
function start(): Promise<void> {
  startup ??= boot();
  return startup;
}

/** Fetches the files ahead of need, quietly; not for a reader who saves data. */
function prefetch(): void {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } };
  if (connection?.saveData || status().state === "failed") return;
  fetched().catch(() => undefined); // if Python is needed they are tried again, and it is said
}

/**
 * Renders a widget. `key` names its instance on the page: a newer call with the same key takes the
 * place of one that still waits. `edits` gives new code for sources, by their names.
 */
function render(
  key: string,
  widget: string,
  params: Record<string, unknown>,
  edits: Record<string, string> = {},
): Promise<RenderOutcome> {
  for (const older of waiting.filter((task) => task.key === key)) {
    drop(older, { kind: "superseded" });
  }
  return submit({ op: "render", widget, params, edits }, { key }) as Promise<RenderOutcome>;
}

/**
 * Runs a cell in its page's namespace, or with `scratch` in a copy that is then forgotten. Output
 * arrives while it runs.
 */
function run(
  page: string,
  code: string,
  onOutput: OnOutput,
  scratch = false,
): Promise<RunOutcome> {
  if (status().state === "failed") startup = null; // the reader asks again, so try again
  return submit({ op: "run", page, code, scratch }, { onOutput }) as Promise<RunOutcome>;
}

/** Gives the page a fresh namespace. */
function forget(page: string): void {
  if (worker !== null) void submit({ op: "forget", page });
}

/**
 * Stops what runs, and the cells that wait: softly where the page may share memory with the
 * worker and the code obeys, else by starting Python anew.
 */
async function stop(): Promise<{ reset: boolean }> {
  for (const task of waiting.filter(({ order }) => order.op === "run")) {
    drop(task, { kind: "stopped", reset: false });
  }
  const task = running;
  if (task === null) return { reset: false };
  task.stopping = true;
  if (interrupt !== null) {
    interrupt[0] = 2;
    await Promise.race([task.settled, new Promise((resolve) => setTimeout(resolve, SOFT_STOP))]);
  }
  if (running !== task) return { reset: false };
  restart("Python was restarted, and all variables were reset.");
  task.settle({ ok: false, failure: { kind: "stopped", reset: true } });
  return { reset: true };
}

// Files and worker ------------------------------------------------------------------------------

let files: Promise<Files> | null = null;
let startup: Promise<void> | null = null;
let worker: Worker | null = null;

/** The files are kept, so that a restart needs no network; a failure is not. */
function fetched(): Promise<Files> {
  files ??= download((progress) => {
    if (status().state === "booting") announce({ state: "booting", progress });
  });
  files.catch(() => (files = null));
  return files;
}

async function boot(message?: string): Promise<void> {
  announce({ state: "booting", progress: loadedShare(), message });
  try {
    const files = fetched();
    worker = await launch(files).catch(async () => launch(Promise.resolve(await files)));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => receive(data);
    worker.onerror = () => crashed();
    announce({ state: "ready", message });
    next();
  } catch (error) {
    const reason =
      error instanceof RuntimeUnavailable ? error.message : "Python did not start in this browser.";
    console.warn("Python did not start:", error);
    announce({ state: "failed", message: reason });
    for (const task of [...waiting]) drop(task, { kind: "unavailable", message: reason });
  }
}

function restart(message: string): void {
  clearTimeout(heartbeat);
  worker?.terminate();
  worker = null;
  running = null;
  startup = boot(message);
}

/** The worker is gone. A task that it never took is asked once more, of the new one. */
function crashed(reason = ""): void {
  const task = running;
  running = null;
  restart("Python crashed and was restarted, and all variables were reset.");
  if (task === null) return;
  if (!task.received && !task.retried) {
    task.retried = true;
    waiting.unshift(task);
  } else if (task.stopping) {
    task.settle({ ok: false, failure: { kind: "stopped", reset: true } });
  } else {
    // Calls within compiled code run out of the browser's stack before Python counts too many.
    const deep = /call stack|recursion/i.test(reason);
    const what = deep ? "the calls went too deep for the browser" : "Python crashed";
    const message = `${what}; it was restarted, and all variables were reset`;
    const type = deep ? "RecursionError" : "Crash";
    task.settle({ ok: false, failure: { kind: "error", type, message, traceback: "" } });
  }
}

// Tasks -----------------------------------------------------------------------------------------

interface Task {
  id: number;
  order: Order;
  key?: string; // the widget instance a render is for
  onOutput?: OnOutput;
  settle: (outcome: Settled) => void;
  settled: Promise<Settled>;
  received?: boolean;
  retried?: boolean;
  stopping?: boolean;
}

type Settled = Result | { ok: false; failure: Failure };

const SOFT_STOP = 500; // milliseconds that running code has to obey an interrupt
const HEARTBEAT = 5000; // milliseconds that an idle worker has to take a task

let lastId = 0;
let waiting: Task[] = [];
let running: Task | null = null;
let heartbeat: ReturnType<typeof setTimeout> | undefined;

function submit(order: Order, extra: Pick<Task, "key" | "onOutput"> = {}): Promise<Settled> {
  if (startup === null) void start();
  const { state, message = "" } = status();
  if (state === "failed") {
    return Promise.resolve({ ok: false, failure: { kind: "unavailable", message } });
  }
  let settle!: Task["settle"];
  const settled = new Promise<Settled>((resolve) => (settle = resolve));
  waiting.push({ id: ++lastId, order, ...extra, settle, settled });
  next();
  return settled;
}

function next(): void {
  if (worker === null || running !== null) return;
  const task = waiting.shift();
  if (task === undefined) return;
  running = task;
  heartbeat = setTimeout(() => crashed(), HEARTBEAT);
  if (interrupt !== null) interrupt[0] = 0; // a Stop meant for the task before came too late
  tell(worker, { op: "task", id: task.id, order: task.order });
}

function drop(task: Task, failure: Failure): void {
  waiting = waiting.filter((other) => other !== task);
  task.settle({ ok: false, failure });
}

function receive(message: FromWorker): void {
  const task = running;
  if (task === null || !("id" in message) || message.id !== task.id) return;
  if (message.op === "received") {
    clearTimeout(heartbeat);
    task.received = true;
  } else if (message.op === "output") {
    task.onOutput?.(message.stream, message.text);
  } else if (message.op === "crashed") {
    crashed(message.reason);
  } else if (message.op === "done") {
    running = null;
    const { result } = message;
    const stopped = task.stopping && !result.ok && result.failure.type === "KeyboardInterrupt";
    task.settle(stopped ? { ok: false, failure: { kind: "stopped", reset: false } } : result);
    next();
  }
}
