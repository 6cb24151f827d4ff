// Every page, as it looks with something on it.
import { must } from "./stage.mjs";
import { look } from "./look.mjs";
import { claim, logIn, logOut, turns } from "./steps.mjs";

const SETTINGS = "/admin/settings";
const PAGES = [
  ["overview", "/admin"],
  ["integrations", `${SETTINGS}/integrations`],
  ["integration-operators", `${SETTINGS}/integrations/bridge`],
  ["integration-add", `${SETTINGS}/add/integration`],
  ["destinations", `${SETTINGS}/destinations`],
  ["destination-operators", `${SETTINGS}/destinations/soc`],
  ["destination-add-syslog", `${SETTINGS}/add/destination/syslog`],
  ["destination-add-http", `${SETTINGS}/add/destination/http`],
  ["destination-add-jetstream", `${SETTINGS}/add/destination/jetstream`],
  ["events", "/admin/events"],
  ["events-mistaken", "/admin/events?from=yesterday"],
  ["quarantine", "/admin/events/quarantine"],
  ["network", "/admin/network"],
  ["proxy", "/admin/network/proxy"],
  ["password", "/admin/system/password"],
  ["second-factor", "/admin/system/second-factor"],
  ["reset", "/admin/system/reset"],
  ["user-add", "/admin/system/users"],
  ["user", "/admin/system/users/ada"],
  ["system", "/admin/system"],
  ["no-such-page", `${SETTINGS}/integrations/nobody`],
];

export async function play(stage) {
  const page = await stage.visitor();
  await claim(stage);
  await page.goto(`${SETTINGS}/integrations`);
  await turns(stage, "integrations/acme", "ok", "good");
  await turns(stage, "integrations/bridge", "parked", "bad");
  for (const [name, path] of PAGES) {
    await page.goto(path);
    await look(stage, name);
  }
  await page.goto("/admin/events");
  await page.locator("tbody tr").first().getByRole("link").click();
  await look(stage, "event");
  await page.getByRole("button", { name: "Count, and ask" }).click();
  await look(stage, "replay");

  // Refused with every mistake marked.
  await page.goto(`${SETTINGS}/add/integration`);
  await page.getByLabel("Name", { exact: true }).fill("Not A Name");
  await page.getByLabel("Polling interval").fill("soon");
  await page.getByRole("button", { name: "Save" }).click();
  await look(stage, "integration-add-mistaken");
  await page.goto("/admin/system/second-factor");
  await page.getByLabel("Your password").fill(stage.password);
  await page.getByRole("button", { name: "Show a key" }).click();
  await look(stage, "second-factor-key");
  for (const kind of ["integration", "destination"]) {
    await page.goto(`${SETTINGS}/${kind}s`);
    await page.locator("summary").click();
    await look(stage, `${kind}s-menu`);
  }
  await viewer(stage);
}

/** Who sees everything and changes nothing is offered nothing. */
async function viewer(stage) {
  const { page } = stage;
  await page.goto("/admin/system/users");
  await page.getByLabel("Name", { exact: true }).fill("vera");
  await page.getByLabel("Viewer").check();
  await page.getByLabel("Password", { exact: true }).fill(stage.password);
  await page.getByLabel("Password again").fill(stage.password);
  await page.getByLabel("Your own password").fill(stage.password);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("The user was added.").waitFor();
  await logOut(stage);
  await logIn(stage, "vera");
  for (const [name, path] of [["integrations", `${SETTINGS}/integrations`], ["integration", `${SETTINGS}/integrations/bridge`], ["system", "/admin/system"]]) {
    await page.goto(path);
    // Her own password and second factor are behind links.
    must((await page.locator("main button, main summary").count()) === 0, `nothing to press for a viewer on ${path}`);
    await look(stage, `viewer-${name}`);
  }
}
