// Visits pages in Firefox: `node firefox.mjs FIREFOX VISIT_JS URL…` prints one JSON line a page.
import fs from "node:fs";

import puppeteer from "puppeteer-core";

const [executablePath, script, ...urls] = process.argv.slice(2);
const visit = fs.readFileSync(script, "utf8");
// Firefox fetches the next chapter ahead, and complains when the page is closed meanwhile.
const extraPrefsFirefox = { "network.prefetch-next": false };
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, extraPrefsFirefox });
try {
  for (const url of urls) {
    const page = await browser.newPage();
    const problems = [];
    page.on("console", (said) => said.type() === "error" && problems.push(said.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(url, { waitUntil: "load" });
    try {
      const seen = await page.evaluate(`${visit}; visit()`);
      console.log(JSON.stringify({ url, problems, ...seen }));
    } catch (error) {
      console.log(JSON.stringify({ url, problems: [...problems, String(error)] }));
    }
    await page.close();
  }
} finally {
  await browser.close();
}
