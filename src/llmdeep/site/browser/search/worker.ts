/**
 * Search that costs nothing until somebody searches. The theme starts this worker with every page, in
 * place of its own; index and engine are fetched with the first word typed, and from then on it passes
 * questions and answers through.
 *
 * The theme says { type: 0, data: { config, docs, options } } once, then { type: 2, data: query } for
 * each query, and expects { type: 1 } and { type: 3, data: { items } } in return. Its own `docs` are
 * empty here; `config.texts` and `config.engine` name the files that matter (site/search.py).
 */

declare const self: DedicatedWorkerGlobalScope;

interface Setup {
  type: 0;
  data: { config: { texts: string; engine: string }; docs: unknown[]; options: object };
}
type FromPage = Setup | { type: 2; data: string };
type FromEngine = { type: 1 } | { type: 3; data: { items: unknown[]; suggest?: string[] } };

const NOTHING: FromEngine = { type: 3, data: { items: [] } };

let setup: Setup | undefined;
let engine: Promise<Worker> | undefined;
let newest = ""; // what was typed while the engine was on its way is overtaken

self.addEventListener("message", async ({ data: message }: MessageEvent<FromPage>) => {
  if (message.type === 0) {
    setup = message;
    self.postMessage({ type: 1 });
  } else if (message.data.trim() === "") {
    newest = "";
    self.postMessage(NOTHING);
  } else {
    newest = message.data;
    try {
      const ready = await (engine ??= start(setup!));
      if (newest === message.data) ready.postMessage(message);
    } catch {
      engine = undefined; // no network; the next key tries again
      self.postMessage(NOTHING);
    }
  }
});

async function start({ data: { config, options } }: Setup): Promise<Worker> {
  const answer = await fetch(new URL(`../../${config.texts}`, self.location.href));
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
  const { docs } = await answer.json();
  const worker = new Worker(new URL(`../../${config.engine}`, self.location.href));
  await new Promise((resolve, reject) => {
    worker.onmessage = resolve; // { type: 1 }
    worker.onerror = reject;
    worker.postMessage({ type: 0, data: { config, docs, options } });
  });
  worker.onmessage = ({ data }: MessageEvent<FromEngine>) => self.postMessage(data);
  return worker;
}
