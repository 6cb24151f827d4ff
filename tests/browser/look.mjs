// A page as a person with a phone, a desk, a dark room or a screen reader meets it.
//
// Promise: a page passes only if nothing of it sticks out sideways and axe has no serious or critical finding; what it
// looked like is left as a screenshot for each width and scheme.
import { readFileSync } from "node:fs";
import { require } from "./stage.mjs";

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [390, 1280];
const SCHEMES = ["light", "dark"];

/** Looks at what is shown now. Findings are gathered, so that one run tells all of them. */
export async function look(stage, name) {
  const page = stage.page;
  await page.waitForLoadState("load");
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: `${stage.pictures}/${name}-${width}-${colorScheme}.png`, fullPage: true, animations: "disabled" });
      // Each width and each scheme once: layout and colours do not hang on each other.
      if ((width === 390) === (colorScheme === "light")) await judge(stage, `${name} at ${width} px, ${colorScheme}`);
    }
    const out = await page.evaluate(() => {
      const root = document.documentElement;
      if (root.scrollWidth <= root.clientWidth) return null;
      const wide = [...document.querySelectorAll("body *")].find((one) => one.getBoundingClientRect().right > root.clientWidth + 1 && !one.closest(".scroll, pre"));
      return `${root.scrollWidth} px, by ${wide?.outerHTML.slice(0, 120)}`;
    });
    if (out) stage.trouble.push(`${name} at ${width} px sticks out sideways: ${out}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
}

async function judge(stage, what) {
  const page = stage.page;
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations, passes } = await window.axe.run(document, { resultTypes: ["violations"] });
    const told = violations.map(({ id, impact, help, nodes }) =>
      ({ id, impact, help, where: nodes.slice(0, 3).map((node) => `${node.target} ${node.html.slice(0, 160)}`).join(" | ") }));
    return { told, rules: passes.length };
  });
  if (found.rules < 10) stage.trouble.push(`${what}: axe applied ${found.rules} rules only`);
  for (const { id, impact, help, where } of found.told) {
    const text = `${what}: axe: ${impact} ${id}: ${help}: ${where}`;
    if (["serious", "critical"].includes(impact)) stage.trouble.push(text);
    else console.log(text);
  }
}
