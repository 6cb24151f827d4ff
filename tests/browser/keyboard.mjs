// Without a mouse: Tab, arrows, Enter and Space, and the focus always to be seen.
import { must } from "./stage.mjs";
import { turns } from "./steps.mjs";

export async function play(stage) {
  const page = await stage.visitor();
  const keys = page.keyboard;
  await page.goto("/admin");
  // The first field has the focus already.
  await here(page, "One-time code");
  await keys.type(await stage.ask("claim"));
  await tabTo(page, "Name");
  await keys.type("ada");
  await tabTo(page, "New password");
  await keys.type(stage.password);
  await tabTo(page, "The same password again");
  await keys.type(stage.password);
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await keys.press("Tab");
  await here(page, "Skip to the content");
  await keys.press("Enter");
  must(await page.evaluate(() => document.activeElement.id === "main"), "the skip link leads to the content");

  await stage.settled();
  await page.reload();
  await tabTo(page, "Log out");
  await keys.press("Enter");
  await page.getByText("You are logged out.").waitFor();
  await here(page, "Name");
  await keys.type("ada");
  await tabTo(page, "Password");
  await keys.type(stage.password);
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  await tabTo(page, "Integrations");
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Integrations" }).waitFor();
  await tabTo(page, "Add Integration");
  await keys.press("Enter");
  await tabTo(page, "Abnormal Security");
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Add Abnormal Security" }).waitFor();
  await tabTo(page, "Name");
  await keys.type("acme");
  // One stop for all regions: arrows choose among them.
  await tabTo(page, "US: api.abnormalplatform.com");
  for (let steps = 0; (await named(page)) !== "Other" && steps < 12; steps += 1) await keys.press("ArrowDown");
  await here(page, "Other");
  await tabTo(page, "Another host, or host:port");
  await keys.type(stage.host);
  await tabTo(page, "API key");
  await keys.type(stage.key);
  await tabTo(page, "Polling interval");
  await keys.press("ControlOrMeta+a");
  await keys.type("5s");
  await tabTo(page, "More settings");
  await keys.press("Enter");
  await tabTo(page, "CA certificate");
  await keys.insertText(stage.ca);
  await tabTo(page, "Test Connection");
  await keys.press("Space");
  await page.locator("#trial-end").getByText("It works.").waitFor();
  await tabTo(page, "Save", "Shift+Tab");
  await keys.press("Enter");
  await page.getByText("Added, and the agent has taken it up.").waitFor();
  await turns(stage, "integrations/acme", "ok", "good");
}

/** What has the focus, by its label, its name or its words. */
function named(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    return (one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || "").trim();
  });
}

async function here(page, name) {
  // What has the focus from the start gets it with the first drawing of a page that is there.
  await page.waitForLoadState("load");
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))));
  const found = await named(page);
  must(found === name, `the focus on ${name}, not on ${found}`);
}

/** Presses Tab until it is there; each stop on the way shows that it has the focus. */
async function tabTo(page, name, key = "Tab") {
  // The style sheet, too, which draws the focus.
  await page.waitForLoadState("load");
  const way = [];
  while (way.length < 80) {
    await page.keyboard.press(key);
    const found = await named(page);
    const seen = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
    });
    must(seen, `a focus that can be seen on ${found}`);
    if (found === name) return;
    way.push(found);
  }
  must(false, `${name} within reach of ${key}; on the way: ${way.join(", ")}`);
}
