/** What becomes of a task, for whoever asked for it. */

import type { OnProgress } from "./data";
import type { PythonError, Rendered, Stream, Value } from "./protocol";

/** How the task ended. */
export type Failure =
  | PythonError
  | { kind: "stopped"; reset: boolean } // reset: the variables of every page were lost
  | { kind: "superseded" } // a newer render of the same widget took its place
  | { kind: "data"; message: string } // what it reads could not be fetched; another try may work
  | { kind: "again"; name: string } // the data it asked for has come, but it must be run anew
  | { kind: "unavailable"; message: string };

export type Outcome<T> = ({ ok: true } & T) | { ok: false; failure: Failure };
export type RenderOutcome = Outcome<{ rendered: Rendered }>;
export type RunOutcome = Outcome<{ value?: Value }>;
export type OnOutput = (stream: Stream, text: string) => void;

/** What may be heard of a task before its end. */
export interface Hear {
  fetching?: OnProgress; // data that it needs, as it arrives
  views?: (rendered: Rendered) => void; // of a widget that streams: its pictures on the way
}
