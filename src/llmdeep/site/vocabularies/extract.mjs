// Takes the vocabularies out of the npm packages that carry them.
// Usage: node extract.mjs FOLDER
//
// Writes FOLDER/NAME: a line of JSON ({special, source}), then the bytes of each token in order of
// their numbers, with the byte 0xFF between them, which UTF-8 never contains. The token that is
// this byte alone is left empty. Special tokens are not among them.

import { readFileSync, writeFileSync } from "node:fs";
import cl100k from "js-tiktoken/ranks/cl100k_base";
import gpt2 from "js-tiktoken/ranks/gpt2";
import o200k from "js-tiktoken/ranks/o200k_base";
import llama2 from "llama-tokenizer-js";
import llama3 from "llama3-tokenizer-js";

const folder = process.argv[2];

function write(name, tokens, special, from) {
  const { version } = JSON.parse(readFileSync(`node_modules/${from}/package.json`, "utf8"));
  const parts = [Buffer.from(JSON.stringify({ special, source: `${from} ${version}` }) + "\n")];
  for (const [index, token] of tokens.entries()) {
    if (index) parts.push(Buffer.of(0xff));
    if (token.includes(0xff) && token.length > 1) throw new Error(`${name}: token ${index} has 0xFF`);
    if (!token.includes(0xff)) parts.push(token);
  }
  writeFileSync(`${folder}/${name}`, Buffer.concat(parts));
}

// Lines such as "! 100 IQ== Ig==": the tokens with the numbers 100 and 101.
function ranked({ bpe_ranks }) {
  const tokens = [];
  for (const line of bpe_ranks.split("\n").filter(Boolean)) {
    const [, first, ...encoded] = line.split(" ");
    encoded.forEach((token, i) => (tokens[Number(first) + i] = Buffer.from(token, "base64")));
  }
  return tokens;
}

for (const [name, ranks] of Object.entries({ gpt2, cl100k, o200k })) {
  write(name, ranked(ranks), ranks.special_tokens, "js-tiktoken");
}

const names = llama2.vocabById;
const first = ["<unk>", "<s>", "</s>"]; // what follows them are the 256 bytes, as <0x00> …
write(
  "llama2",
  names.map((token) => Buffer.from(token)),
  Object.fromEntries(first.map((token) => [token, names.indexOf(token)])),
  "llama-tokenizer-js",
);

// Each byte is written as a character: that of Latin-1 where it can be printed, else U+0100 … in turn.
const byteOf = new Map();
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = /[!-~¡-¬®-ÿ]/.test(String.fromCharCode(byte));
  byteOf.set(String.fromCharCode(printable ? byte : next++), byte);
}
const isSpecial = (token) => /^<\|\w+\|>$/.test(token);
write(
  "llama3",
  llama3.vocabById
    .filter((token) => !isSpecial(token))
    .map((token) => Buffer.from([...token].map((character) => byteOf.get(character)))),
  Object.fromEntries(
    llama3.vocabById.map((token, number) => [token, number]).filter(([token]) => isSpecial(token)),
  ),
  "llama3-tokenizer-js",
);
