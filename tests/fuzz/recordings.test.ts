import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadRecordings } from "../../pipeline/adapters/replay-engine/recordings.ts";
import { candidate, problem, turn } from "../helpers/run-rows.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedJson, nested } from "./hostile-json.ts";
import { damagedBytes, hostileKey, hostileText } from "./hostile-text.ts";
import { runs } from "./runs.ts";
import { asUseful } from "./useful-error.ts";

const trace = {
  problem: "What is it?",
  sample: 3,
  text: "It is $\\boxed{4}$.",
  finish: "stop",
  model: "m",
  score: 0.5,
};

describe("a recording of whole traces", () => {
  it("is read line by line, or refused by line", async () => {
    const file = join(await temporaryFolder(), "traces.jsonl");
    const other = fc.oneof(changedJson([trace]), damagedBytes([JSON.stringify(trace)]));
    const where = fc.dictionary(fc.oneof(hostileKey, fc.constantFrom("model", "score", "finish")), hostileText, {
      maxKeys: 2,
    });
    const fields = fc.record(
      { problem: hostileKey, sample: hostileKey, text: hostileKey, finish: hostileKey },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(other, fc.option(where), fc.option(fields), async (bad, conditions, names) => {
        const lines = [JSON.stringify(trace), bad];
        await writeFile(file, Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")])));
        try {
          const read = await loadRecordings([
            { file, ...(conditions && { where: conditions }), ...(names && { fields: names }) },
          ]);
          const count = read.problems.reduce((sum, { traces }) => sum + traces.length, 0);
          expect(count).toBe(read.traces);
          if (!conditions && !names && !bad.toString().includes("\n"))
            expect(count).toBe(bad.toString().trim() === "" ? 1 : 2);
        } catch (error) {
          asUseful(error, file);
        }
      }),
      runs(75),
    );
  });

  it.each([
    ["an object that cannot be a text", '{"toString": 1}'],
    ["a list, 50,000 levels deep", nested(50_000)],
  ])("has no condition that holds for %s", async (_, value) => {
    const file = join(await temporaryFolder(), "traces.jsonl");
    await writeFile(file, `${JSON.stringify({ ...trace, model: 0 }).replace('"model":0', `"model":${value}`)}\n`);
    const error = await loadRecordings([{ file, where: { model: "m" } }]).catch((thrown: unknown) => thrown);
    expect(asUseful(error, file).message).toContain("model = m");
  });
});

describe("the journal of an earlier run, as a recording", () => {
  it("is read, or refused by file and line", async () => {
    const folder = await temporaryFolder();
    const files: [string, object][] = [
      ["turns.jsonl", turn("set/a", 0, "It is $\\boxed{4}$.", { meta: { queuedMilliseconds: 1 } })],
      ["selected.jsonl", problem("set/a", "4")],
      ["candidates.jsonl", candidate("set/a", 0, "4")],
    ];
    const broken = fc.nat(files.length - 1).chain((index) => {
      const row = files[index]?.[1] ?? {};
      return fc.tuple(fc.constant(index), fc.oneof(changedJson([row]), damagedBytes([JSON.stringify(row)])));
    });
    await fc.assert(
      fc.asyncProperty(broken, async ([index, bad]) => {
        for (const [at, [name, row]] of files.entries()) {
          const line = at === index ? bad : JSON.stringify(row);
          await writeFile(join(folder, name), Buffer.concat([Buffer.from(line), Buffer.from("\n")]));
        }
        await loadRecordings([{ file: folder }]).catch((error: unknown) => asUseful(error, folder));
      }),
      runs(75),
    );
  });
});
