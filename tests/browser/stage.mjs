// The browser of a scene, what is watched in it, and the line to the test that started us.
//
// Promise: what a page may never do ends up in `trouble`, whichever step it happens in; whatever the browser is answered
// is written to a file, where the test looks for secrets.
import { createRequire } from "node:module";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

export const require = createRequire(`${process.env.TOOLS}/`);
const { chromium } = require("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// On a slow machine, with others at work on it.
const PATIENCE = 60_000;

export class Stage {
  static async open(told) {
    const stage = new Stage();
    Object.assign(stage, told);
    stage.trouble = [];
    stage.reading = new Set();
    stage.answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    // Each start has a new, empty profile.
    stage.browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: PATIENCE });
    return stage;
  }

  /** A visitor with cookies of its own: a page. */
  async visitor(options = {}) {
    const context = await this.browser.newContext({
      baseURL: this.origin,
      ignoreHTTPSErrors: true,
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== this.origin) this.trouble.push(`a request left for ${url.origin}`);
    });
    context.on("console", (message) => {
      // The browser tells of every refusal (401, 403, 422, 429), and those are played on purpose.
      if (!["error", "warning"].includes(message.type()) || message.text().startsWith("Failed to load resource")) return;
      this.trouble.push(`console of ${message.page()?.url()}: ${message.text()}`);
    });
    context.on("weberror", (error) => this.trouble.push(`the script failed: ${error.error().stack}`));
    context.on("requestfinished", (request) => {
      const read = this.keep(request).finally(() => this.reading.delete(read));
      this.reading.add(read);
    });
    if (options.javaScriptEnabled !== false) {
      await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) =>
          console.error(`against the content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
      });
    }
    this.page = await context.newPage();
    // What the tiles are told arrives bit by bit and never ends: it is no body.
    const wire = await context.newCDPSession(this.page);
    await wire.send("Network.enable");
    wire.on("Network.eventSourceMessageReceived", (message) => appendFileSync(this.seen, `${message.data}\n`));
    return this.page;
  }

  async keep(request) {
    try {
      const response = await request.response();
      const headers = await response.headersArray();
      const head = headers.map(({ name, value }) => `${name}: ${value}`).join("\n");
      const redirect = response.status() >= 300 && response.status() < 400;
      const body = redirect ? "" : await response.body();
      appendFileSync(this.seen, `${request.method()} ${request.url()} ${response.status()}\n${head}\n`);
      appendFileSync(this.seen, body);
    } catch (error) {
      // The style and the script are the same on every page, and the next page may be there before they are read.
      if (["stylesheet", "script"].includes(request.resourceType())) return;
      this.trouble.push(`could not be read back: ${request.method()} ${request.url()}: ${error.message.split("\n")[0]}`);
    }
  }

  /** Waits until all that came is written down. */
  async settled() {
    while (this.reading.size > 0) await Promise.allSettled(this.reading);
  }

  /** Has the test do or tell something. */
  async ask(what, more = {}) {
    process.stdout.write(`ask ${JSON.stringify({ what, ...more })}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error("the test has gone");
    return JSON.parse(value);
  }

  async lastPicture() {
    const path = `${this.pictures}/failed-${this.scene}.png`;
    await this.page?.screenshot({ path, fullPage: true }).catch(() => {});
  }

  async close() {
    await this.browser.close();
    return this.trouble;
  }
}

/** Fails with what was expected. */
export function must(so, what) {
  if (!so) throw new Error(`expected: ${what}`);
}
