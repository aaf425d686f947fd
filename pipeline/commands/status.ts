import { join } from "node:path";
import type { CommandModule } from "yargs";
import { readJournal } from "../adapters/run-directory/journal-lines.ts";
import { openRunDirectory, readSummary } from "../adapters/run-directory/run-directory.ts";
import { runHolder } from "../adapters/run-directory/run-lock.ts";
import { duration } from "../adapters/terminal-progress/run-figures.ts";
import { candidatesFile, turnsFile } from "../artifacts/artifact-file.ts";
import type { Candidate } from "../artifacts/candidate.ts";
import type { Compute, Manifest } from "../artifacts/manifest.ts";
import { expectedAnswer } from "../core/answer-policy.ts";
import { describeCompute } from "../core/compute.ts";
import { reasoningRules } from "../core/strategy.ts";
import { UserError } from "../core/user-error.ts";
import { lotsOf, vote, voteRuleOf } from "../core/vote.ts";
import { CheckpointBuilder, readSelected } from "../stages/generate.ts";
import { PackedCandidates } from "../stages/packed-candidates.ts";
import type { RunStore } from "../stages/ports.ts";
import { printJson, printLine } from "./output.ts";
import { resultTable } from "./result-table.ts";

interface StatusArguments {
  directory: string;
  json: boolean;
}

export const command: CommandModule<unknown, StatusArguments> = {
  command: "status <directory>",
  describe: "where a run stands, also while it goes on",
  builder: (args) =>
    args
      .positional("directory", { type: "string", demandOption: true, describe: "the run directory" })
      .option("json", { type: "boolean", default: false, describe: "print JSON" })
      .example("$0 status results/quickstart", "state, figures and result so far") as never,
  handler: async ({ directory, json }) => {
    const store = await openRunDirectory(directory);
    const manifest = await store.readManifest();
    if (!manifest) {
      throw new UserError(`${directory} has no manifest.json, so nothing is known of its run.`, {
        hint: "`sctir run CONFIG --out DIR` writes one.",
      });
    }
    const status = await statusOf(store, manifest);
    if (json) return printJson(status);
    printLine(describeStatus(status));
    const summary = await readSummary(directory);
    if (summary) printLine(`\n${resultTable(summary)}`);
  },
};

interface Status {
  runId: string;
  state: "running" | "complete" | "interrupted";
  holder: { pid: number; host: string; since: string } | null;
  createdAt: string;
  model: string;
  modelFile?: { sha256: string; quantization: string }; // of an embedded model, as is the next
  compute?: Compute;
  profile: string;
  problems: { wanted: number; done: number; correct: number };
  candidates: { wanted: number; done: number; begun: number };
  turns: number;
  tokens: number;
  secondsSoFar: number;
  lastTurnAt: string | null;
}

async function statusOf(store: RunStore, manifest: Manifest): Promise<Status> {
  const { config, profile, createdAt } = manifest;
  const { file, compute } = manifest.engine ?? {};
  const found = await runHolder(store.directory);
  const holder = found ? { pid: found.pid, host: found.host, since: found.since } : null;
  // A process that was killed could not say so: without a living holder nothing is running.
  const state = manifest.state === "running" && holder === null ? "interrupted" : manifest.state;
  const figures = manifest.stages.filter ? await progressOf(store, manifest) : nothingYet;
  const { lastTurnMilliseconds, ...counts } = figures;
  const lastTurnAt =
    lastTurnMilliseconds === null ? null : new Date(Date.parse(createdAt) + lastTurnMilliseconds).toISOString();
  return {
    runId: manifest.runId,
    state,
    holder,
    createdAt,
    model: config.engine.model,
    ...(file ? { modelFile: { sha256: file.sha256, quantization: file.quantization } } : {}),
    ...(compute ? { compute } : {}),
    profile: profile.name,
    ...counts,
    secondsSoFar: manifest.stages.generate?.seconds ?? (lastTurnMilliseconds ?? 0) / 1000,
    lastTurnAt,
  };
}

const nothingYet = {
  problems: { wanted: 0, done: 0, correct: 0 },
  candidates: { wanted: 0, done: 0, begun: 0 },
  turns: 0,
  tokens: 0,
  lastTurnMilliseconds: null as number | null,
};

/**
 * The journal's account of a run; once it is there, that of candidates.jsonl, which alone knows of those that ended without
 * a turn of their own. A half-written last line is a turn that is being written right now.
 */
async function progressOf(store: RunStore, { config, profile, stages }: Manifest): Promise<typeof nothingYet> {
  const selected = await readSelected(store);
  const policy = config.answer ?? profile.policy;
  const { width, replicates } = config.sampling;
  const builder = new CheckpointBuilder(selected, reasoningRules(profile, config), policy);
  if (await store.has(turnsFile)) {
    await readJournal(join(store.directory, turnsFile.name), (row) => builder.take(row));
  }
  const lastTurnMilliseconds = builder.turns > 0 ? builder.lastEnd : null;
  const { open, finished } = builder.checkpoint;
  const isOver = stages.generate?.complete === 1 && (await store.has(candidatesFile));
  const ended = isOver ? await packed(store.rows(candidatesFile)) : finished;
  const rule = voteRuleOf(config);
  let [complete, correct] = [0, 0];
  for (const { problemId, answer } of selected) {
    for (let replicate = 0; replicate < replicates; replicate += 1) {
      const group = ended.group(problemId, replicate).map((line) => ended.at(line));
      if (group.length !== width) continue;
      complete += 1;
      const elected = vote(group, rule, lotsOf(rule, { problemId, replicate })).answer;
      if (elected === expectedAnswer(answer, policy)) correct += 1;
    }
  }
  return {
    problems: { wanted: selected.length * replicates, done: complete, correct },
    candidates: {
      wanted: selected.length * replicates * width,
      done: ended.size,
      begun: isOver ? ended.size : open.size + finished.size,
    },
    turns: builder.turns,
    tokens: builder.tokens,
    lastTurnMilliseconds,
  };
}

async function packed(rows: AsyncIterable<Candidate>): Promise<PackedCandidates> {
  const candidates = new PackedCandidates();
  for await (const row of rows) candidates.set(row);
  return candidates;
}

function describeStatus(status: Status): string {
  const { holder, problems, candidates, modelFile, compute } = status;
  const file = modelFile ? ` (${modelFile.quantization}, sha256 ${modelFile.sha256.slice(0, 12)}…)` : "";
  const by = holder ? ` by process ${holder.pid} on ${holder.host} since ${holder.since}` : "";
  const accuracy =
    problems.done === 0 ? "" : `, ${((100 * problems.correct) / problems.done).toFixed(1)} % right so far`;
  return [
    `${status.runId}: ${status.state}${by}`,
    `model ${status.model}${file}${compute ? `, ${describeCompute(compute)}` : ""}, profile ${status.profile}, begun ${status.createdAt}`,
    `problems: ${problems.done} of ${problems.wanted} done${accuracy}`,
    `candidates: ${candidates.done} of ${candidates.wanted} done, ${candidates.begun - candidates.done} under way`,
    `turns: ${status.turns}, ${status.tokens} tokens generated, ${duration(status.secondsSoFar)}`,
    ...(status.lastTurnAt === null ? [] : [`last turn finished at ${status.lastTurnAt}`]),
  ].join("\n");
}
