import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { storm } from "../helpers/kill-storm.ts";
import { allPhases, tour } from "../helpers/kill-storm-aims.ts";
import { JournalWatch } from "../helpers/kill-storm-judgement.ts";
import { canAdopt, startAdopted } from "../helpers/kill-storm-process.ts";
import { turn } from "../helpers/run-rows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

// The long form, with signals that can be handled and more kinds of runs: npm run soak
const patienceMilliseconds = 900_000; // it takes half a minute, unless the machine has other things to do

describe.skipIf(!canAdopt)("runs that are ended with kill -9 wherever they are", () => {
  it(
    "come to the same artifacts, lose no row and leave no process",
    async () => {
      const [kills, seed] = [Number(process.env.KILLS ?? 20), Number(process.env.SEED ?? 1)];
      const report = await storm({
        ...{ kills, seed },
        variants: ["embedded", "served"],
        // One half of the tour each.
        aims: (draw, milliseconds, episode) => tour(draw, milliseconds).filter((_, index) => index % 2 === episode % 2),
        ending: () => "SIGKILL",
        phases: allPhases,
      });
      const again = `SEED=${seed} KILLS=${kills} npm test -- tests/commands/kill-storm.test.ts`;
      expect(report.faults, `again: ${again}`).toEqual([]);
      expect(report).toMatchObject({ lostRows: 0, orphans: 0 });
      expect(Object.keys(report.phases).sort()).toEqual(allPhases.toSorted());
      expect(report.boughtAgain).toBeLessThanOrEqual(report.boughtAgainAtMost);
    },
    patienceMilliseconds,
  );
});

describe("the storm's judgement", () => {
  it.skipIf(!canAdopt)(
    "finds a process that was left behind, in a session of its own and without environment",
    async () => {
      const run = startAdopted(["/bin/sh", "-c", "env -i setsid sleep 97 & exit 3"]);
      expect(await run.ended).toBe(3);
      expect(await run.orphans(0.5)).toEqual(["sleep 97"]);
    },
  );

  it("finds a row that was lost, changed or doubled, and lets half a line be", async () => {
    const out = await temporaryFolder();
    const rows = [0, 1, 2].map((candidate) => `${JSON.stringify(turn("own/a", candidate, "text"))}\n`);
    const [first, second, third] = rows as [string, string, string];
    const look = (...journals: string[]) => {
      const watch = new JournalWatch(out);
      return journals.flatMap((text) => {
        writeFileSync(join(out, "turns.jsonl"), text);
        return watch.look();
      });
    };
    expect(look(first, `${first}${second.slice(0, 40)}`, `${first}${second}`)).toEqual([]);
    expect(look(first + second + third, first + third)).toEqual(["turns.jsonl has lost own/a:0:1:0"]);
    expect(look(first + second, first + second.replace("text", "other"))).toEqual(["turns.jsonl has lost own/a:0:1:0"]);
    expect(look(first + second + first)).toEqual(["turns.jsonl has own/a:0:0:0 twice"]);
  });
});
