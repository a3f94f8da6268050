/**
 * `<llmdeep-cell>`: a piece of the chapter's code that the reader can run, edit and stop. This is
 * all that the first paint loads; the workbench follows with the first button pressed.
 */

import { awaken, readerIsHere } from "../ahead";
import type { Workbench } from "./workbench";

export function registerCell(): void {
  if (!customElements.get("llmdeep-cell")) customElements.define("llmdeep-cell", CellElement);
}

export class CellElement extends HTMLElement {
  #workbench: Promise<Workbench | undefined> | undefined;
  #life = new AbortController();

  connectedCallback(): void {
    this.#life = new AbortController();
    const { signal } = this.#life;
    if (!this.querySelector("[data-status]")) this.querySelector(".cell-tools")?.append(status(this));
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.addEventListener("focusin", () => this.#near(), { signal });
    this.querySelector(".cell-tools")?.addEventListener("pointerenter", () => this.#near(), { signal });
    if (this.dataset.kind === "exercise" && remembers(this)) void this.#open();
    void readerIsHere.then(awaken).catch(() => undefined); // a button pressed tries again
  }

  disconnectedCallback(): void {
    this.#life.abort();
    void this.#workbench?.then((workbench) => workbench?.dispose());
    this.#workbench = undefined;
  }

  /** Where the visit keeps the reader's own code. */
  get memory(): string {
    return `llmdeep ${location.pathname} ${this.id}`;
  }

  /** Runs the cell; true if it ended well. */
  async run(): Promise<boolean> {
    return (await this.#open())?.run() ?? false;
  }

  #open(): Promise<Workbench | undefined> {
    this.#workbench ??= awaken().then(
      ({ startWorkbench }) => startWorkbench(this),
      () => {
        this.#workbench = undefined; // the next press tries again
        this.querySelector("[data-status]")!.textContent = "The part that runs cells could not be loaded. Try again, or load the page anew.";
        return undefined;
      },
    );
    return this.#workbench;
  }

  /** Somebody is about to run something. */
  #near(): void {
    void awaken().then(({ runtime }) => runtime.prefetch());
  }

  #clicked(event: MouseEvent): void {
    const target = event.target as Element;
    const action = target.closest("button[data-action]")?.getAttribute("data-action");
    if (action) void this.#open().then((workbench) => workbench?.act(action));
    else if (this.dataset.kind === "exercise" && target.closest(".highlight")?.parentElement === this && getSelection()?.isCollapsed) {
      void this.#open().then((workbench) => workbench?.act("edit"));
    }
  }
}

/** Whether the reader wrote code here before. */
function remembers({ memory }: CellElement): boolean {
  try {
    return sessionStorage.getItem(memory) !== null;
  } catch {
    return false; // storage is switched off
  }
}

/** One polite line; a claim that the build has proved is said so from the start. */
function status(cell: Element): HTMLElement {
  const line = document.createElement("span");
  line.className = "cell-status";
  line.setAttribute("role", "status");
  line.dataset.status = "";
  const proved = cell.getAttribute("data-kind") !== "exercise" && /^assert\b/m.test(cell.querySelector("code")?.textContent ?? "");
  if (proved) line.textContent = "✓ held when the book was built";
  return line;
}
