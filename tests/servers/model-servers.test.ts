import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasModelServers, type ModelServer, startModelServer } from "../helpers/model-server.ts";
import { rowsOf } from "../helpers/run-files.ts";
import { sctir } from "../helpers/sctir.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** The tiny model in real servers of others: `npm run serve -- vllm models/tiny-tir.gguf` installs them. */

const model = fileURLToPath(new URL("../../models/tiny-tir.gguf", import.meta.url));
const few = { problems: [{ set: "tiny", take: 12 }], profile: "tir" };
const sampling = { width: 3, depth: 4, temperature: 0.8, maxTokens: 256, seed: 7 };

async function configOf(engine: object, rest: object = {}) {
  const folder = await temporaryFolder();
  const config = join(folder, "config.yaml");
  await writeFile(config, JSON.stringify({ ...few, engine, sampling, ...rest })); // JSON is YAML
  const run = async (name: string) => {
    const out = join(folder, name);
    const ended = await sctir(["run", config, "--out", out]);
    const textOf = (row: Record<string, unknown>) => `${row.problemId}:${row.candidate}:${row.turn} ${row.text}`;
    return { ended, out, texts: rowsOf(out, "turns.jsonl").map(textOf).toSorted() };
  };
  return { config, run };
}

const greedy = { sampling: { ...sampling, width: 1, depth: 1, temperature: 0 } };
const embedded = { kind: "llama", model };

const shareAlike = (a: readonly string[], b: readonly string[]) =>
  a.filter((text) => b.includes(text)).length / Math.max(a.length, b.length);

describe.skipIf(!hasModelServers).each(["vllm", "transformers"] as const)("the tiny model in %s", (name) => {
  let server: ModelServer;
  beforeAll(async () => {
    server = await startModelServer(name, model);
  }, 300_000);
  afterAll(() => server?.stop());

  it("passes every check of the engine", async () => {
    const { config } = await configOf(server.engine);
    const { exitCode, stdout, stderr } = await sctir(["doctor", config]);
    expect(exitCode, stdout + stderr).toBe(0);
  });

  it("is evaluated whole: no candidate is lost, programs are run, and the vote solves something", async () => {
    const { run } = await configOf(server.engine);
    const { ended, out } = await run("run");
    expect(ended.exitCode, ended.stderr).toBe(0);
    const candidates = rowsOf(out, "candidates.jsonl");
    expect(candidates).toHaveLength(36);
    expect(candidates.filter(({ outcome }) => outcome === "engine-failed")).toEqual([]);
    expect(rowsOf(out, "turns.jsonl").filter(({ execution }) => execution !== undefined).length).toBeGreaterThan(12);
    expect(rowsOf(out, "verdicts.jsonl").filter(({ correct }) => correct).length).toBeGreaterThan(3);
  });

  it("writes what the embedded engine writes where the likeliest token is taken, but for a few close calls", async () => {
    const theirs = await (await configOf(server.engine, greedy)).run("theirs");
    const ours = await (await configOf(embedded, greedy)).run("ours");
    expect(theirs.texts).toHaveLength(12);
    expect(shareAlike(theirs.texts, ours.texts)).toBeGreaterThanOrEqual(0.75);
  });

  it.runIf(name === "vllm")("writes the same texts again for the same seeds", async () => {
    const { run } = await configOf(server.engine);
    expect((await run("again")).texts).toEqual((await run("first")).texts);
  });
});
