/**
 * `<llmdeep-widget>`: wakes the figure that the build wrote. This is all that the first paint
 * loads; the engine follows when somebody comes near, and what they did meanwhile is not lost.
 */

import { awaken, readerIsHere, whenIdle } from "../ahead";
import type { Engine } from "./engine";

export function registerWidget(): void {
  if (!customElements.get("llmdeep-widget")) customElements.define("llmdeep-widget", WidgetElement);
}

class WidgetElement extends HTMLElement {
  #engine: Promise<Engine | undefined> | undefined;
  #life = new AbortController();

  connectedCallback(): void {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.querySelector<HTMLFieldSetElement>(".widget-controls")?.removeAttribute("disabled");
    for (const type of ["pointerenter", "focusin"]) this.addEventListener(type, () => this.#near(), { signal });
    for (const type of ["input", "change"]) {
      this.addEventListener(type, ({ target }) => this.#tell((engine) => engine.input(target as Element, type === "change")), { signal });
    }
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.addEventListener("submit", (event) => event.preventDefault(), { signal });
    window.addEventListener("hashchange", () => this.#follow(), { signal });
    this.#wakeWhenSeen("0px", signal);
    void readerIsHere.then(() => signal.aborted || this.#wakeWhenSeen("100% 0px", signal)); // a screen ahead
    void readerIsHere.then(awaken).catch(() => undefined); // a touch tries again
    this.#follow();
  }

  disconnectedCallback(): void {
    this.#life.abort();
    void this.#engine?.then((engine) => engine?.dispose());
    this.#engine = undefined;
  }

  #wake(): Promise<Engine | undefined> {
    this.#engine ??= this.#start().catch(() => {
      this.#engine = undefined; // the next touch tries again
      this.querySelector("[data-status]")!.textContent = "The figure’s data could not be loaded; the picture is the one computed with the book.";
      return undefined;
    });
    return this.#engine;
  }

  /** Code and data travel at the same time. */
  async #start(): Promise<Engine> {
    const [{ startEngine }, file] = await Promise.all([awaken(), fetch(new URL(this.dataset.file!, document.baseURI))]);
    whenIdle(() => this.closest("article")?.classList.add("resting")); // frames are drawn in two thirds of the time
    return startEngine(this, file);
  }

  #tell(what: (engine: Engine) => void): void {
    const { signal } = this.#life;
    void this.#wake().then((engine) => engine && !signal.aborted && what(engine));
  }

  /** Somebody is about to touch the figure. */
  #near(): void {
    void this.#wake();
    void awaken().then(({ runtime }) => runtime.prefetch());
  }

  #clicked(event: MouseEvent): void {
    const button = (event.target as Element).closest<HTMLElement>("button[data-action]");
    if (button) this.#tell((engine) => engine.act(button.dataset.action!, button));
  }

  /** The space bar plays and pauses where the arrow keys step. */
  #pressed(event: KeyboardEvent): void {
    const field = event.target as Element;
    if (event.key !== " " || !field.matches(".widget-steps input[type=range]")) return;
    event.preventDefault();
    this.querySelector<HTMLElement>('[data-action="play"]')?.click();
  }

  /** Opens the figure as the URL says, if it says anything about this figure. */
  #follow(): void {
    if (location.hash.startsWith(`#w=${this.getAttribute("name")}`)) this.#tell((engine) => engine.follow(location.hash));
  }

  #wakeWhenSeen(rootMargin: string, signal: AbortSignal): void {
    const seen = (entries: IntersectionObserverEntry[]): void => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      whenIdle(() => signal.aborted || void this.#wake());
    };
    const observer = new IntersectionObserver(seen, { rootMargin });
    observer.observe(this);
    signal.addEventListener("abort", () => observer.disconnect());
  }
}
