// The Llama tokenizers of the npm packages: a JSON list of texts in, lists of tokens out.

import { readFileSync, writeFileSync } from "node:fs";
import llama2 from "llama-tokenizer-js";
import llama3 from "llama3-tokenizer-js";

const texts = JSON.parse(readFileSync(0, "utf8"));
const answer = {
  llama2: texts.map((text) => llama2.encode(text, false)),
  llama3: texts.map((text) => llama3.encode(text, { bos: false, eos: false })),
};
writeFileSync(1, JSON.stringify(answer));
