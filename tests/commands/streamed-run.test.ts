import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadRecordings } from "../../pipeline/adapters/replay-engine/recordings.ts";
import { startReplayServer } from "../../pipeline/adapters/replay-engine/replay-server.ts";
import { comparable, jsonOf, rowsOf, withoutTimes } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const recordings = fileURLToPath(new URL("../../datasets/sample/recordings.jsonl", import.meta.url));

describe("a run that streams", () => {
  it.each(["completions", "chat"])("comes out as one that does not, times aside (%s)", async (transport) => {
    const server = await startReplayServer({
      recordings: await loadRecordings([{ file: recordings }], () => {}),
      model: "replay",
      maxModelLen: 8192,
    });
    onTestFinished(() => server.close());
    const folder = await temporaryFolder();
    const config = join(folder, "config.yaml");
    const written = {
      problems: [{ set: "sample", take: 4 }],
      profile: "tir",
      engine: { kind: "vllm", baseUrl: server.url, model: "replay", transport },
      sampling: { width: 4, depth: 4 },
    };
    await writeFile(config, JSON.stringify(written));
    const run = async (streaming: boolean) => {
      const out = join(folder, String(streaming));
      const ended = await sctir(["run", config, "--out", out, "--set", `engine.streaming=${streaming}`]);
      expect(ended).toMatchObject({ exitCode: 0 });
      return out;
    };
    const [streamed, whole] = [await run(true), await run(false)];
    for (const file of ["turns.jsonl", "candidates.jsonl", "votes.jsonl", "verdicts.jsonl"]) {
      expect(comparable(streamed, file), file).toEqual(comparable(whole, file));
    }
    const { runId: _, ...summary } = jsonOf(streamed, "summary.json");
    const { runId: __, ...expected } = jsonOf(whole, "summary.json");
    expect(withoutTimes(summary)).toEqual(withoutTimes(expected));

    const turns = rowsOf(streamed, "turns.jsonl");
    expect(turns.length).toBeGreaterThan(16);
    for (const { firstTokenMilliseconds, milliseconds } of turns) {
      expect(firstTokenMilliseconds).toBeLessThanOrEqual(Number(milliseconds));
    }
    expect(rowsOf(whole, "turns.jsonl").every((row) => !("firstTokenMilliseconds" in row))).toBe(true);
  });
});
