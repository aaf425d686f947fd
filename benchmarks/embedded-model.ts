import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineProcess, startEngineProcess } from "../pipeline/adapters/llama-engine/engine-process.ts";
import { findBuild } from "../pipeline/adapters/llama-engine/installed-build.ts";
import { type LoadedModel, loadModel } from "../pipeline/adapters/llama-engine/loaded-model.ts";
import { planSettings } from "../pipeline/adapters/llama-engine/memory-plan.ts";
import { type ModelFile, readModelFile } from "../pipeline/adapters/llama-engine/model-file.ts";
import { writeSmallGguf } from "../tests/helpers/small-gguf.ts";
import type { Benchmark } from "./benchmark.ts";
import { quantile } from "./interleaved-rounds.ts";

/** The shape of a model that was trained to do SC-TIR on two cores; the weights do not matter here. */
const shape = { hidden: 256, feedForward: 512, heads: 4, layers: 4, contextLength: 1024 };
const texts = 32;
const tokens = 48; // of each text

const allTogether = "the embedded engine, 32 at a time";

/** Eight candidates to a problem. */
const prompts = Array.from({ length: texts }, (_, index) => {
  const problem = Math.floor(index / 8);
  return `### Problem: What is the remainder when ${problem + 7}^123 is divided by 1000?\n### Solution: `;
});

interface Way {
  name: string;
  /** Generates all texts. */
  run(): Promise<void>;
}

export const benchmark: Benchmark = {
  name: "embedded-model",
  compares:
    "32 texts of 48 tokens from a model of 2.4 M parameters (F32, one thread): llama.cpp used plainly, one text after " +
    "another, each prompt in one piece; and the embedded engine over HTTP with 1, 8 and 32 texts at a time.",

  async measure({ rounds, say }) {
    const folder = await mkdtemp(join(tmpdir(), "sctir-bench-"));
    const engines: EngineProcess[] = [];
    try {
      const file = readModelFile(writeSmallGguf(join(folder, "model.gguf"), shape));
      const serve = async (repeatable: boolean) => {
        const settings = planSettings(file, { maxModelLen: undefined, sequences: texts, threads: 1 });
        const engine = await startEngineProcess({ build: findBuild(), file, settings, repeatable });
        engines.push(engine);
        return engine.url;
      };
      const [exact, fast] = [await serve(true), await serve(false)];
      const ways: [Way, ...Way[]] = [
        { name: "llama.cpp plainly, one after another", run: await plainly(file) },
        { name: "the embedded engine, 1 at a time", run: () => over(exact, file, 1) },
        { name: "the embedded engine, 8 at a time", run: () => over(exact, file, 8) },
        { name: allTogether, run: () => over(exact, file, 32) },
        { name: "the embedded engine, 32 at a time, not repeatable", run: () => over(fast, file, 32) },
      ];
      const seconds = new Map(ways.map(({ name }) => [name, [] as number[]]));
      for (let round = 0; round <= rounds; round += 1) {
        say(`round ${round} of ${rounds}${round === 0 ? ", which is not counted" : ""}`);
        for (const { name, run } of round % 2 === 0 ? ways : ways.toReversed()) {
          const began = performance.now();
          await run();
          if (round > 0) seconds.get(name)?.push((performance.now() - began) / 1000);
        }
      }
      const plain = seconds.get(ways[0].name) ?? [];
      const figures = ways.map(({ name }) => {
        const own = seconds.get(name) ?? [];
        const ratios = own.map((each, round) => (plain[round] ?? Number.NaN) / each);
        const ratio = `${quantile(ratios, 0.5).toFixed(2)} (${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)})`;
        return {
          way: name,
          "tokens/s": Math.round((texts * tokens) / quantile(own, 0.5)),
          "times as many as plainly": own === plain ? "" : ratio,
        };
      });
      const together = seconds.get(allTogether) ?? [];
      const best = quantile(
        together.map((each, round) => (plain[round] ?? 0) / each),
        0.5,
      );
      return {
        conditions: { texts, tokens, threads: 1, "llama.cpp": `node-llama-cpp ${findBuild().version}` },
        rows: [],
        figures,
        aims: [
          {
            aim: "32 texts at a time as fast as plain use, though every text repeats to the bit",
            ...{ measured: `${best.toFixed(2)} times`, reached: best >= 1 },
          },
        ],
      };
    } finally {
      await Promise.all(engines.map((engine) => engine.close()));
      await rm(folder, { recursive: true });
    }
  },
};

async function over(url: string, { name }: ModelFile, concurrency: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < texts; index = next++) {
      const body = { model: name, prompt: prompts[index], seed: index, max_tokens: tokens, ignore_eos: true };
      const response = await fetch(`${url}/completions`, { method: "POST", body: JSON.stringify(body) });
      if (!response.ok) throw new Error(await response.text());
      await response.json();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** What node-llama-cpp does for one sequence, less what it does around it. */
async function plainly(file: ModelFile): Promise<() => Promise<void>> {
  const settings = { maxModelLen: file.contextLength, sequences: 1, threads: 1, gpuLayers: 0 };
  const { addon, model, context }: LoadedModel = await loadModel(findBuild(), file, settings);
  return async () => {
    for (const [index, prompt] of prompts.entries()) {
      const sampler = new addon.AddonSampler(model);
      sampler.applyConfig({ temperature: 1, seed: index });
      context.disposeSequence(0);
      let pending = Uint32Array.of(model.tokenBos(), ...model.tokenize(prompt, true));
      let position = 0;
      for (let written = 0; written < tokens; written += 1) {
        context.initBatch(pending.length);
        const [place = 0] = context.addToBatch(0, position, pending, Uint32Array.of(pending.length - 1));
        await context.decodeBatch();
        position += pending.length;
        pending = Uint32Array.of(await context.sampleToken(place, sampler));
      }
      sampler.dispose();
    }
  };
}
