/**
 * Times figures from inside the page, from the event to the frame that shows the answer. It is
 * there before the page's own scripts, so that it knows what happens inside a frame.
 */
{
  const LONG = 60_000; // milliseconds after which no answer will come

  let inFrame = false; // drawn now, it is shown by the frame under way
  let frameBegan = 0;
  let frameTime;

  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) =>
    request((time) => {
      if (time !== frameTime) frameBegan = performance.now();
      frameTime = time;
      inFrame = true;
      callback(time);
      queueMicrotask(() => (inFrame = false)); // after those that tell of changes
    });

  /** Calls back once the frame that shows what was just drawn is finished. */
  function whenShown(callback) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = callback;
    if (inFrame) port2.postMessage(0);
    else window.requestAnimationFrame(() => port2.postMessage(0));
  }

  /**
   * Moves a control of a figure and waits for the answer: of the stored states a changed picture,
   * of Python its word that the figure is live. In milliseconds, `shown` is from the event to the
   * end of the frame that shows the answer; `work` what the main thread did for it, in the event's
   * handlers and in that frame; `python` from asking Python to the answer drawn. Or else
   * {unchanged}, if the picture is the same after `patience` frames, or {problem}.
   */
  function move({ figure, control, value, index, final, live, patience }) {
    const host = figures()[figure];
    const views = host.querySelector("[data-views]");
    return new Promise((resolve) => {
      let asked;
      let frames = 0;
      let drawn = false;
      const observer = new MutationObserver(look);
      observer.observe(host, { subtree: true, childList: true, characterData: true, attributes: true });
      const began = performance.now();
      put({ figure, control, value, index, final });
      const handlers = performance.now() - began;
      if (!live) window.requestAnimationFrame(wait);
      const timer = setTimeout(() => finish({ problem: `no answer in ${LONG / 1000} s` }), LONG);

      function look(changes) {
        const { state } = host.dataset;
        if (state === "busy") asked ??= performance.now();
        if (drawn) return;
        if (state === "error") return finish({ problem: host.querySelector("[data-message]").innerText });
        const changed = changes.some(({ target, type }) => views.contains(target) && (target !== views || type === "childList"));
        if (live ? state !== "live" || asked === undefined : !changed) return;
        drawn = true;
        const python = performance.now() - asked;
        const frame = inFrame ? frameBegan : undefined;
        whenShown(() => {
          const end = performance.now();
          finish({ shown: end - began, work: handlers + end - frame, python });
        });
      }

      function wait() {
        frames += 1;
        if (drawn) return;
        if (frames === patience) finish({ unchanged: true });
        else window.requestAnimationFrame(wait);
      }

      function finish(found) {
        drawn = true;
        clearTimeout(timer);
        observer.disconnect();
        resolve(found);
      }
    });
  }

  /** Puts a figure back, and waits until it has settled, by word of Python if `live`. */
  function reset({ figure, live }) {
    const host = figures()[figure];
    host.querySelector("[data-action=reset]").click();
    return new Promise((resolve) => {
      let frames = 0;
      const look = () => {
        frames += 1;
        if (frames > 5 && (!live || host.dataset.state === "live")) resolve();
        else window.requestAnimationFrame(look);
      };
      look();
    });
  }

  /** Drags a slider for a number of frames, a new value each; the frames a second it managed. */
  function drag({ steps, frames }) {
    return new Promise((resolve) => {
      let count = 0;
      let began;
      const step = () => {
        began ??= performance.now();
        if (count === frames) return resolve((1000 * frames) / (performance.now() - began));
        put(steps[count % steps.length]);
        count += 1;
        window.requestAnimationFrame(step);
      };
      window.requestAnimationFrame(step);
    });
  }

  /** Sets a form element as a reader does; `index` is the value's place on a slider that counts. */
  function put({ figure, control, value, index, final }) {
    const fields = [...figures()[figure].querySelectorAll(`[name="${control}"]`)];
    const field = fields.find((one) => one.type !== "radio" || one.value === value);
    if (field.type === "radio" || field.type === "checkbox") field.checked = value !== false;
    else field.value = field.dataset.scale ? index : value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (final) field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** Moves a control of a figure that was out of sight until `after` milliseconds ago. */
  async function meet({ after, ...step }) {
    figures()[step.figure].scrollIntoView({ behavior: "instant", block: "center" });
    if (after) await new Promise((resolve) => setTimeout(resolve, after));
    return move(step);
  }

  function figures() {
    return document.querySelectorAll("llmdeep-widget");
  }

  window.bench = { move, meet, put, reset, drag };
}
