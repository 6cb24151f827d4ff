// Plays the scene that it is told and ends with 0 only if all of it was as it should be.
import { Stage } from "./stage.mjs";

const told = JSON.parse(process.env.STAGE);
const { play } = await import(`./${told.scene}.mjs`);
const stage = await Stage.open(told);
let failed;
try {
  await play(stage);
  await stage.settled();
} catch (error) {
  failed = error;
  await stage.lastPicture();
}
const trouble = await stage.close();
for (const line of trouble) console.log(`trouble: ${line}`);
if (failed) console.log(failed.stack);
process.exit(failed || trouble.length > 0 ? 1 : 0);
