// What several scenes do alike: the claim, the login, an integration's form.
import { must } from "./stage.mjs";

/** From a box that nobody has claimed to its Overview. */
export async function claim(stage, name = "ada") {
  const { page } = stage;
  await page.goto("/admin");
  must(page.url().endsWith("/admin/claim"), "the claim alone, before there is an administrator");
  await page.getByLabel("One-time code").fill(await stage.ask("claim"));
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("New password").fill(stage.password);
  await page.getByLabel("The same password again").fill(stage.password);
  await page.getByRole("button", { name: "Claim this box" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

export async function logIn(stage, name = "ada") {
  const { page } = stage;
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(stage.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
}

export async function logOut(stage) {
  // A page that is left before its body was read back has none.
  await stage.settled();
  await stage.page.getByRole("button", { name: "Log out" }).click();
  await stage.page.getByText("You are logged out.").waitFor();
}

/** Fills in Abnormal Security with the simulated API; the key is what is told. */
export async function fillIn(stage, key) {
  const { page } = stage;
  await page.getByLabel("Name", { exact: true }).fill("acme");
  await page.getByLabel("Other", { exact: true }).check();
  await page.getByLabel("Another host").fill(stage.host);
  await page.getByLabel("API key", { exact: true }).fill(key);
  await page.getByLabel("Polling interval").fill("5s");
  if (!(await page.getByLabel("CA certificate").isVisible())) await page.getByText("More settings").click();
  await page.getByLabel("CA certificate").fill(stage.ca);
}

/** The tile of what is called so, as it stands in the page that is shown; its tone is a class. */
export function tile(stage, place) {
  return stage.page.locator(`[data-live="${place}"]`);
}

/** Waits until the tile says this by word and by tone, without any reload. */
export async function turns(stage, place, word, tone) {
  const told = tile(stage, place);
  await told.locator("[data-live-word]").getByText(word, { exact: true }).waitFor();
  must((await told.getAttribute("class")).split(" ").includes(tone), `${place} is ${tone}`);
}
