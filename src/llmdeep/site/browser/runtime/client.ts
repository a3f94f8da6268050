/**
 * Python on the page: one worker for all widgets and cells, started on first need and kept across
 * in-site navigation. Tasks run one at a time, in order; of one widget's waiting renders only the
 * newest is kept. A task that asks for data steps aside until the page has fetched it. Everything
 * else about Python is behind this file.
 */

import { abandon, arrived, data, DataUnavailable } from "./data";
import { download, loadedShare, RuntimeUnavailable, type Files } from "./files";
import { interrupt, launch, tell } from "./link";
import type { Failure, Hear, OnOutput, RenderOutcome, RunOutcome } from "./outcome";
import type { FileParameter, FromWorker, Needs, Order, Result } from "./protocol";
import { announce, status, subscribe } from "./status";

export type { Progress } from "./data";
export type { Rendered, Stream, Value } from "./protocol";
export type { RuntimeState, RuntimeStatus } from "./status";

export type { Failure, Hear, OnOutput, Outcome, RenderOutcome, RunOutcome } from "./outcome";

export const runtime = { status, subscribe, start, prefetch, render, leave, run, forget, stop };

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
 * place of one that still waits, or streams. `edits` gives new code for sources, by their names.
 */
function render(
  key: string,
  widget: string,
  params: Record<string, unknown>,
  edits: Record<string, string> = {},
  hear: Hear = {},
): Promise<RenderOutcome> {
  leave(key);
  const files: File[] = [];
  const plain = Object.entries(params).map(([name, value]) => [name, parameter(value, files)]);
  const order: Order = { op: "render", widget, params: Object.fromEntries(plain), edits };
  return submit(order, { key, files, hear }) as Promise<RenderOutcome>;
}

/** Nobody wants the last render of this widget any more. */
function leave(key: string): void {
  for (const older of waiting.filter((task) => task.key === key)) {
    drop(older, { kind: "superseded" });
  }
  if (running?.key === key) end(running, { kind: "superseded" });
}

/** A file travels beside the order, which is JSON. */
function parameter(value: unknown, files: File[]): unknown {
  if (!(value instanceof File)) return value;
  const file = files.push(value) - 1;
  return { file, name: value.name, size: value.size } satisfies FileParameter;
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
  hear: Hear = {},
): Promise<RunOutcome> {
  if (status().state === "failed") startup = null; // the reader asks again, so try again
  const order: Order = { op: "run", page, code, scratch, first: 0 };
  return submit(order, { onOutput, hear }) as Promise<RunOutcome>;
}

/** Gives the page a fresh namespace. */
function forget(page: string): void {
  if (worker !== null) void submit({ op: "forget", page });
}

/**
 * Stops what runs, the downloads, and the cells that wait: softly where the code streams, or obeys
 * and the page may share memory with the worker, else by starting Python anew.
 */
async function stop(): Promise<{ reset: boolean }> {
  abandon();
  for (const task of waiting.filter(({ order, fetching }) => order.op === "run" || fetching)) {
    drop(task, { kind: "stopped", reset: false });
  }
  const task = running;
  if (task === null) return { reset: false };
  task.stopping = true;
  if (task.streams) end(task, { kind: "stopped", reset: false });
  if (interrupt !== null) interrupt[0] = 2;
  if (interrupt !== null || task.streams) {
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
    handed = new Set();
    for (const name of arrived().keys()) hand(name);
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
  for (const task of waiting.filter(isHalfDone)) {
    drop(task, { kind: "stopped", reset: true }); // what it did so far is lost
  }
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
  files?: File[]; // of the reader's, for its parameters
  hear?: Hear;
  onOutput?: OnOutput;
  settle: (outcome: Settled) => void;
  settled: Promise<Settled>;
  received?: boolean;
  retried?: boolean;
  stopping?: boolean;
  streams?: boolean;
  ending?: Failure; // why a task that streams is to end
  fetching?: string; // the data that it waits for
  supplied?: Set<string>; // the data that it has asked for before
}

type Settled = Result | { ok: false; failure: Failure };

const SOFT_STOP = 500; // milliseconds that running code has to obey
const HEARTBEAT = 5000; // milliseconds that an idle worker has to take a task

let lastId = 0;
let waiting: Task[] = [];
let running: Task | null = null;
let heartbeat: ReturnType<typeof setTimeout> | undefined;

type Extra = Pick<Task, "key" | "files" | "hear" | "onOutput">;

function submit(order: Order, extra: Extra = {}): Promise<Settled> {
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
  const task = waiting.find(isReady);
  if (task === undefined) return;
  waiting = waiting.filter((other) => other !== task);
  running = task;
  heartbeat = setTimeout(() => crashed(), HEARTBEAT);
  if (interrupt !== null) interrupt[0] = 0; // a Stop meant for the task before came too late
  tell(worker, { op: "task", id: task.id, order: task.order, files: task.files ?? [] });
}

/** Figures need not wait for the data of others, but cells go on in their order. */
function isReady(task: Task): boolean {
  if (task.fetching) return false;
  const held = waiting.find(({ order, fetching }) => fetching && order.op === "run");
  return task.order.op === "render" || held === undefined;
}

/** Some of its statements have run, those from `first` on have not. */
function isHalfDone({ order }: Task): boolean {
  return order.op === "run" && order.first > 0;
}

/** Tells a task to end; if it streams, it does so after its next picture. */
function end(task: Task, failure: Failure): void {
  task.ending ??= failure;
  if (worker) tell(worker, { op: "end", id: task.id });
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
  } else if (message.op === "views") {
    task.streams = true;
    task.hear?.views?.(message.rendered);
  } else if (message.op === "crashed") {
    crashed(message.reason);
  } else if (message.op === "ended") {
    running = null;
    task.settle({ ok: false, failure: task.ending! });
    next();
  } else if (message.op === "done") {
    running = null;
    const { result } = message;
    if ("needs" in result) void supply(task, result);
    else {
      const stopped = task.stopping && !result.ok && result.failure.type === "KeyboardInterrupt";
      task.settle(stopped ? { ok: false, failure: { kind: "stopped", reset: false } } : result);
    }
    next();
  }
}

// Data ------------------------------------------------------------------------------------------

let handed = new Set<string>(); // what this worker has

/** Fetches what a task asked for; then it has another turn, before those that came after it. */
async function supply(task: Task, { needs, next: first }: Needs): Promise<void> {
  task.fetching = needs;
  task.received = false;
  if (task.order.op === "run") task.order.first = first ?? 0;
  waiting.unshift(task);
  try {
    if (task.supplied?.has(needs)) throw new DataUnavailable(`“${needs}” cannot be used here.`);
    (task.supplied ??= new Set()).add(needs);
    await data(needs, (progress) => task.fetching && task.hear?.fetching?.(progress));
    if (!handed.has(needs)) hand(needs);
    if (first === null) drop(task, { kind: "again", name: needs });
  } catch (error) {
    const known = error instanceof DataUnavailable;
    drop(task, { kind: "data", message: known ? error.message : `“${needs}” could not be loaded.` });
  } finally {
    task.fetching = undefined;
    next();
  }
}

/** Puts data that has arrived into the worker's file system. */
function hand(name: string): void {
  if (worker === null) return; // the next one gets it as it starts
  tell(worker, { op: "put", files: arrived().get(name)! });
  handed.add(name);
}
