/**
 * `<llmdeep-widget>`: wakes the figure that the build wrote. This is all that the first paint
 * loads; the engine follows when somebody comes near, and what they did meanwhile is not lost.
 */

import type { Engine } from "./engine";
import { readLink } from "./link";

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
    this.#wakeWhenSeen(signal);
    this.#follow();
  }

  disconnectedCallback(): void {
    this.#life.abort();
    void this.#engine?.then((engine) => engine?.dispose());
    this.#engine = undefined;
  }

  #wake(): Promise<Engine | undefined> {
    this.#engine ??= import("./engine")
      .then(({ startEngine }) => startEngine(this))
      .catch(() => {
        this.#engine = undefined; // the next touch tries again
        this.querySelector("[data-status]")!.textContent = "The figure’s data could not be loaded; the picture is the one computed with the book.";
        return undefined;
      });
    return this.#engine;
  }

  #tell(what: (engine: Engine) => void): void {
    const { signal } = this.#life;
    void this.#wake().then((engine) => engine && !signal.aborted && what(engine));
  }

  /** Somebody is about to touch the figure. */
  #near(): void {
    void this.#wake();
    void import("../runtime/client").then(({ runtime }) => runtime.prefetch());
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
    const link = readLink(location.hash);
    if (link?.widget !== this.getAttribute("name")) return;
    const figures = document.querySelectorAll(`llmdeep-widget[name="${link.widget}"]`);
    if (figures[link.ordinal - 1] === this) this.#tell((engine) => engine.open(link));
  }

  #wakeWhenSeen(signal: AbortSignal): void {
    const idle = window.requestIdleCallback ?? ((callback: () => void) => setTimeout(callback, 500));
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      idle(() => signal.aborted || void this.#wake());
    });
    observer.observe(this);
    signal.addEventListener("abort", () => observer.disconnect());
  }
}
