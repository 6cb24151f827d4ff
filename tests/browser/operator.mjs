// The operator's day: claim, add Abnormal Security, test it, see it green, red with the hint, green again; a SOC, the
// events, a support bundle; out again, and nobody else in.
import { must } from "./stage.mjs";
import { look } from "./look.mjs";
import { claim, fillIn, logIn, logOut, tile, turns } from "./steps.mjs";

export async function play(stage) {
  const page = await stage.visitor();
  await page.goto("/admin");
  await look(stage, "claim");
  await claim(stage);
  await look(stage, "overview-empty");
  await logOut(stage);
  await look(stage, "login");
  await logIn(stage);

  await page.getByRole("link", { name: "Integrations", exact: true }).first().click();
  await look(stage, "integrations-empty");
  await page.getByText("Add Integration").click();
  await page.getByRole("link", { name: "Abnormal Security" }).click();
  await fillIn(stage, stage.wrongKey);
  await testsAs(stage, "401");
  await look(stage, "integration-add-refused");
  must((await page.getByLabel("API key", { exact: true }).inputValue()) === stage.wrongKey, "a test leaves the form as it is");
  await page.getByLabel("API key", { exact: true }).fill(stage.key);
  await testsAs(stage, "It works.");
  // So seldom that a slow browser sees no poll more: a tile that waited for a later one would show.
  await page.getByLabel("Polling interval").fill("60s");
  const before = await stage.ask("polls");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Added, and the agent has taken it up.").waitFor();
  await turns(stage, "integrations/acme", "ok", "good");
  const polls = (await stage.ask("polls")) - before;
  must(polls <= 2, `the tile is green after two polls at the most, not ${polls}`);
  await page.getByLabel("Polling interval").fill("5s");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved, and the agent has taken it up.").waitFor();
  must((await page.getByLabel("API key", { exact: true }).inputValue()) === "", "a key that is kept is never shown");

  // The vendor takes another key by now; the page that is open tells it by itself.
  await stage.ask("vendor takes", { key: stage.nextKey });
  await turns(stage, "integrations/acme", "parked", "bad");
  const hint = await tile(stage, "integrations/acme").innerText();
  must(hint.includes("401") && hint.includes("make a new one in the Abnormal portal"), `a hint that says what to do, not: ${hint}`);
  await stage.settled();
  await page.reload();
  await look(stage, "integration-red");
  await page.getByLabel("API key", { exact: true }).fill(stage.nextKey);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved, and the agent has taken it up.").waitFor();
  await turns(stage, "integrations/acme", "ok", "good");

  await destination(stage);
  await events(stage);
  await page.goto("/admin/system");
  const bundle = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download a support bundle" }).click();
  await (await bundle).saveAs(`${stage.seen}-bundle.tar.gz`);

  await logOut(stage);
  await stage.settled();
  await page.goBack();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await keptOut(stage);
}

/** Presses Test Connection: lines come one by one, and the last sentence or one of the lines says this. */
async function testsAs(stage, words) {
  const { page } = stage;
  const url = page.url();
  await page.getByRole("button", { name: "Test Connection" }).click();
  await page.locator("#trial").getByText(words).first().waitFor();
  await page.getByRole("button", { name: "Test Connection" }).and(page.locator(":enabled")).waitFor();
  const lines = await page.locator("#lines li").count();
  must(lines >= 3 && page.url() === url, `live lines on the page as it is, not ${lines} on ${page.url()}`);
}

async function destination(stage) {
  const { page } = stage;
  await page.getByRole("link", { name: "Destinations", exact: true }).first().click();
  await look(stage, "destinations-empty");
  await page.getByText("Add Destination").click();
  await page.getByRole("link", { name: /^Syslog/ }).click();
  await page.getByLabel("Name", { exact: true }).fill("soc");
  await page.getByLabel("Address", { exact: true }).fill(stage.soc);
  if (!(await page.getByLabel("CA certificate").isVisible())) await page.getByText("More settings").click();
  await page.getByLabel("CA certificate").fill(stage.ca);
  await page.getByLabel("Start", { exact: true }).selectOption("oldest");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Added, and the agent has taken it up.").waitFor();
  const samples = page.locator("details:has(pre)");
  for (const format of ["json", "cef", "leef", "ocsf", "ecs"]) {
    const sample = samples.filter({ has: page.locator("summary", { hasText: format }) }).first();
    if ((await sample.getAttribute("open")) === null) await sample.locator("summary").click();
    must((await sample.locator("pre").innerText()).includes("Invoice 4711"), `a threat as ${format}`);
  }
  await page.getByRole("button", { name: "Send test event" }).click();
  await page.locator("#trial-end").getByText("It works.").waitFor();
  await look(stage, "destination-tested");
  await turns(stage, "destinations/soc", "ok", "good");
  await page.getByRole("link", { name: "Remove" }).click();
  await look(stage, "destination-remove");
  await page.getByRole("link", { name: "Keep it" }).click();
  await page.getByRole("heading", { name: "soc" }).waitFor();
}

async function events(stage) {
  const { page } = stage;
  await page.getByRole("link", { name: "Events", exact: true }).first().click();
  const rows = page.locator("tbody tr");
  await rows.first().waitFor();
  const sender = await rows.first().locator("td").nth(1).innerText();
  await page.getByLabel("Sender").fill(sender);
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/sender=/);
  const senders = await rows.locator("td:nth-of-type(2)").allInnerTexts();
  must(senders.length > 0 && senders.every((one) => one === sender), `only ${sender}, not ${senders}`);
  await look(stage, "events-found");
  await rows.first().getByRole("link").click();
  await page.getByRole("heading", { name: "The event's JSON" }).waitFor();
  must((await page.locator("pre.raw").innerText()).includes(sender), "the event's own JSON");
  await page.goto("/admin/events?subject=nobody-wrote-this");
  must((await rows.count()) === 0, "a search for what is not there finds nothing");
  await look(stage, "events-none");
}

/** Wrong passwords: told as little as can be, and slower and slower. */
async function keptOut(stage) {
  const { page } = stage;
  await page.goto("/admin/login");
  for (let tries = 0; tries < 12; tries += 1) {
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill(`wrong-${tries}`);
    await page.getByRole("button", { name: "Log in" }).click();
    const told = await page.getByRole("alert").innerText();
    if (told.startsWith("Too many tries.")) {
      await look(stage, "login-later");
      return;
    }
    if (tries === 0) await look(stage, "login-wrong");
  }
  must(false, "a wait after wrong passwords");
}
