// The main path in a browser whose script is off: every step is a form and a page.
import { must } from "./stage.mjs";
import { claim, fillIn, logIn, logOut, tile } from "./steps.mjs";

export async function play(stage) {
  const page = await stage.visitor({ javaScriptEnabled: false });
  await claim(stage);
  await logOut(stage);
  await logIn(stage);
  await page.getByRole("link", { name: "Integrations", exact: true }).first().click();
  await page.getByText("Add Integration").click();
  await page.getByRole("link", { name: "Abnormal Security" }).click();
  await fillIn(stage, stage.key);
  await page.getByRole("button", { name: "Test Connection" }).click();
  await page.getByText("It works.").waitFor();
  must(page.url().endsWith("/test"), "a page with the result");
  must((await page.getByLabel("API key", { exact: true }).inputValue()) === "", "a page that never brings a key back");
  must((await page.getByLabel("Another host").inputValue()) === stage.host, "what else was typed stays");
  await page.getByLabel("API key", { exact: true }).fill(stage.key);
  await page.getByText("More settings").click();
  await page.getByLabel("CA certificate").fill(stage.ca);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Added, and the agent has taken it up.").waitFor();
  await reloadUntil(stage, "integrations/acme", "ok");

  await stage.ask("vendor takes", { key: stage.nextKey });
  await reloadUntil(stage, "integrations/acme", "parked");
  await page.getByLabel("API key", { exact: true }).fill(stage.nextKey);
  await page.getByRole("button", { name: "Save" }).click();
  await reloadUntil(stage, "integrations/acme", "ok");

  await page.getByRole("link", { name: "Events", exact: true }).first().click();
  await page.locator("tbody tr").first().getByRole("link").click();
  await page.getByRole("heading", { name: "The event's JSON" }).waitFor();
  await page.goto("/admin/settings/integrations/acme");
  await page.getByRole("link", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Remove acme" }).click();
  await page.getByText("Removed, and the agent has taken it up.").waitFor();
  await logOut(stage);
  await page.goto("/admin/events");
  must(page.url().includes("/admin/login"), "nothing but the login afterwards");
}

/** What a reader does without live values. */
async function reloadUntil(stage, place, word) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if ((await tile(stage, place).locator("[data-live-word]").innerText()) === word) return;
    // Not a synchronisation: only how often the page is asked for.
    await stage.page.waitForTimeout(300);
    await stage.page.goto(stage.page.url().split("?")[0]);
  }
  must(false, `${place} says ${word}`);
}
