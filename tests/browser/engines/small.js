// What the smoke run does with the small book, in every engine: data, a stream, a file.
async function visit() {
  const until = (condition, what) =>
    new Promise((resolve, reject) => {
      const end = performance.now() + 90_000;
      const look = () => {
        const value = condition();
        if (value) resolve(value);
        else if (performance.now() > end) reject(new Error(`waited in vain for ${what}`));
        else setTimeout(look, 50);
      };
      look();
    });
  const figure = (name) => document.querySelector(`llmdeep-widget[name=${name}]`);
  const shown = (name) => figure(name).querySelector("[data-views]").textContent;
  const change = (field, value) => {
    if (field.type === "file") {
      const transfer = new DataTransfer();
      transfer.items.add(value);
      field.files = transfer.files;
    } else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const field = (widget, name) => figure(widget).querySelector(`[name=${name}]`);

  change(field("weights", "times"), "1");
  await until(() => !/sum\s*0/.test(shown("weights")), "the model");

  change(field("counter", "until"), "100000000");
  await until(() => shown("counter").includes("100,000,000"), "the stream to begin");
  change(field("counter", "until"), "7");
  await until(() => /number\s*7\s*until\s*7/.test(shown("counter")), "the stream to end");

  const header = '{"a": 1}';
  const parts = [new BigUint64Array([BigInt(header.length)]), header, new Uint8Array([9])];
  change(field("opener", "own"), new File(parts, "own.safetensors"));
  await until(() => shown("opener").includes(header), "the file to be read");
  return { sum: shown("weights"), file: shown("opener") };
}
