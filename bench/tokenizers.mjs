// The JavaScript tokenizers a page would use instead: texts in, milliseconds of each text out.

import { readFileSync, writeFileSync } from "node:fs";
import { Tiktoken } from "js-tiktoken/lite";
import cl100k from "js-tiktoken/ranks/cl100k_base";
import gpt2 from "js-tiktoken/ranks/gpt2";
import o200k from "js-tiktoken/ranks/o200k_base";
import llama2 from "llama-tokenizer-js";
import llama3 from "llama3-tokenizer-js";

const texts = JSON.parse(readFileSync(0, "utf8"));
const openai = Object.entries({ gpt2, cl100k, o200k }).map(([name, ranks]) => {
  const encoding = new Tiktoken(ranks);
  return [name, (text) => encoding.encode(text, [], [])];
});
const encoders = Object.fromEntries([
  ...openai,
  ["llama2", (text) => llama2.encode(text, false)],
  ["llama3", (text) => llama3.encode(text, { bos: false, eos: false })],
]);

function milliseconds(encode, text) {
  const began = performance.now();
  const tokens = encode(text);
  return [performance.now() - began, tokens.length];
}

const found = Object.entries(encoders).map(([name, encode]) => [name, texts.map((text) => milliseconds(encode, text))]);
writeFileSync(1, JSON.stringify(Object.fromEntries(found)));
