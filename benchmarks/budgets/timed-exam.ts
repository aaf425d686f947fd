import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTurnJournal } from "../../pipeline/adapters/run-directory/turn-journal.ts";
import type { Profile } from "../../pipeline/artifacts/profile.ts";
import type { RunConfig } from "../../pipeline/artifacts/run-config.ts";
import { openConfiguredEngine } from "../../pipeline/commands/configured-engine.ts";
import { openConfiguredSandbox } from "../../pipeline/commands/configured-sandbox.ts";
import { wallClock } from "../../pipeline/commands/stage-runs.ts";
import { reasoningRules } from "../../pipeline/core/strategy.ts";
import { emptyCheckpoint, generateCandidates } from "../../pipeline/stages/generate.ts";
import type { PythonSandbox } from "../../pipeline/stages/ports.ts";

export const statementOf = (index: number) => `Problem ${index}: how long does it take to wait for nothing?`;

export interface CandidateEnd {
  outcome: string;
  /** Real milliseconds after the first candidate of its problem began. */
  after: number;
}

/** The generate stage with all that is real about it: engine client, sandbox and journal as a config has them. */
export async function timedExam(config: RunConfig, profile: Profile, problems: number): Promise<CandidateEnd[]> {
  const folder = await mkdtemp(join(tmpdir(), "sctir-bench-"));
  const { engine, time } = await openConfiguredEngine(config.engine, profile);
  const sandbox = time ? (await openConfiguredSandbox(config, profile, {})).sandbox : idleSandbox;
  const journal = await openTurnJournal(join(folder, "turns.jsonl"));
  const clock = time?.clock ?? wallClock;
  const ends: CandidateEnd[] = [];
  const beganAt = new Map<string, number>();
  try {
    await engine.connect();
    await generateCandidates(
      Array.from({ length: problems }, (_, index) => ({
        ...{ problemId: `bench/p${index}`, set: "bench", statement: statementOf(index) },
        ...{ gold: "42", answer: "42", flags: [] },
      })),
      emptyCheckpoint(),
      {
        ...{ engine, clock, ...(time?.ports({ sandbox, journal }) ?? { sandbox, journal }) },
        observe(event) {
          const now = performance.now();
          if (event.kind === "candidate-started" && !beganAt.has(event.key.problemId)) {
            beganAt.set(event.key.problemId, now);
          }
          if (event.kind !== "candidate-finished") return;
          const { problemId, outcome } = event.candidate;
          ends.push({ outcome, after: now - (beganAt.get(problemId) ?? Number.NaN) });
        },
      },
      {
        config: { ...config, answer: profile.policy },
        rules: reasoningRules(profile, config),
        ...{ beganAt: clock.now(), stopping: new AbortController().signal, secondsSpent: 0 },
      },
    );
    return ends;
  } finally {
    await journal.close();
    await Promise.all([engine.close(), sandbox.close()]);
    await rm(folder, { recursive: true });
  }
}

/** Where the engine never writes a program. */
const idleSandbox: PythonSandbox = {
  describe: () => Promise.reject(new Error("nobody asks")),
  execute: () => Promise.reject(new Error("nobody asks")),
  endSession: () => {},
  close: async () => {},
};
