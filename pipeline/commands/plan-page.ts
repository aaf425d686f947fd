import { duration } from "../adapters/terminal-progress/run-figures.ts";
import type { EngineCard } from "../artifacts/engine-card.ts";
import type { PlanWarning } from "../core/plan-warnings.ts";
import type { CasePlan, PlannedRun, Range, RunPlan, Speed } from "../core/run-plan.ts";
import { commandLine, table } from "./output.ts";
import type { PlannedSet } from "./plan.ts";

interface PlanPage {
  card: EngineCard;
  run: PlannedRun;
  sets: readonly PlannedSet[];
  lengthFrom: string;
  plan: RunPlan;
  warnings: readonly PlanWarning[];
  configPath: string;
}

/** A plan for people: the engine, its memory, the expected and the worst case, what speaks against it, what to do next. */
export function planPage(page: PlanPage): string {
  return [engine(page), memory(page), workload(page), cases(page), ...warnings(page), next(page)].join("\n\n");
}

function engine({ card, run }: PlanPage): string {
  const { gpu, gpuCount, model, weights } = card;
  const servers = run.servers === 1 ? "" : `${run.servers} servers, each with `;
  return [
    `model   ${card.title}: ${(model.parameters / 1e9).toFixed(2)} billion parameters, weights of ${weights.bits} bits`,
    `engine  ${servers}${gpuCount} × ${gpu.name} (${gpu.memoryGiB} GiB, ${gpu.gigabytesPerSecond} GB/s), context ${run.maxModelLen}, at most ${card.maxSequences} sequences at once`,
  ].join("\n");
}

function memory({ card, plan }: PlanPage): string {
  const { gpu, gpuCount } = card;
  const weights = plan.weightBytes / gpuCount / 2 ** 30;
  const used = gpu.memoryGiB * card.memoryUtilization;
  const cache = used - weights - card.reservedGiB;
  return table([
    ["memory of one GPU", "GiB"],
    [`used by vLLM (${card.memoryUtilization} of ${gpu.memoryGiB})`, used.toFixed(2)],
    ["weights", weights.toFixed(2)],
    ["reserved for activations and graphs", card.reservedGiB.toFixed(2)],
    [
      "KV cache",
      cache.toFixed(2),
      `${figure(plan.kvTokens)} tokens of ${figure(plan.kvBytesPerToken)} bytes${gpuCount === 1 ? "" : `, over ${gpuCount} GPUs`}`,
    ],
  ]);
}

function workload({ run, sets, lengthFrom }: PlanPage): string {
  const { width, depth, maxTokens, replicates } = run.config.sampling;
  const notes = { file: "", card: " by its card", unknown: "" };
  const counted = sets.map(({ set, problems, from }) => `${set} ${problems ?? "?"}${notes[from]}`).join(", ");
  return [
    `problems    ${run.problems === undefined ? "unknown" : figure(run.problems)} (${counted})${replicates === 1 ? "" : `, ${replicates} times`}`,
    `candidates  ${width} per problem, at most ${depth} turns of ${maxTokens} tokens`,
    `expected    ${lengthFrom}`,
  ].join("\n");
}

function cases({ run, plan }: PlanPage): string {
  const { budget, sampling } = run.config;
  const row = (label: string, of: (plan: CasePlan) => string) => [label, of(plan.expected), of(plan.worst)];
  const timed = (label: string, of: (speed: Speed) => Range | null, show: (value: number) => string) =>
    row(label, ({ speed }) => span(speed && of(speed), show));
  const rows = [
    ["", "expected", "worst"],
    row("turns × tokens", ({ length }) => `${decimal(length.turns)} × ${figure(length.tokensPerTurn)}`),
    row("tokens of a candidate at its end", ({ tokensAtEnd }) => figure(tokensAtEnd)),
    row("candidates in the KV cache, on average", ({ fitOnAverage }) => figure(fitOnAverage)),
    row("candidates in the KV cache, all at their end", ({ fitAtEnd }) => figure(fitAtEnd)),
    row(`decoded at once (of ${figure(plan.inFlight)} in flight)`, ({ decoding }) => figure(decoding)),
    timed("tokens per second", ({ tokensPerSecond }) => tokensPerSecond, figure),
    row("  at the full memory bandwidth", ({ speed }) => (speed ? figure(speed.ceiling) : "–")),
    timed("one candidate", ({ secondsPerCandidate }) => secondsPerCandidate, duration),
    timed(`one problem alone (${sampling.width})`, ({ secondsPerProblem }) => secondsPerProblem, duration),
    timed("the run", ({ runSeconds }) => runSeconds, duration),
  ];
  if (budget.problemSeconds !== null) {
    rows.push(
      timed(`candidates within problemSeconds ${budget.problemSeconds}`, (speed) => speed.withinProblemSeconds, figure),
    );
  }
  if (budget.totalSeconds !== null) {
    rows.push(
      timed(`candidates a problem, totalSeconds ${budget.totalSeconds}`, (speed) => speed.withinTotalSeconds, figure),
    );
  }
  return table(rows);
}

function warnings({ warnings }: PlanPage): string[] {
  if (warnings.length === 0) return [];
  return [warnings.map(({ finding, advice }) => `warning: ${finding}\n  → ${advice}`).join("\n")];
}

function next({ card, run, configPath }: PlanPage): string {
  const flags = ["--tensor-parallel-size", `${card.gpuCount}`, "--max-model-len", `${run.maxModelLen}`];
  const serve =
    card.gpu.name === "T4"
      ? ["scripts/serve-t4.sh", "MODEL", ...flags]
      : ["vllm", "serve", "MODEL", "--generation-config", "vllm", ...flags];
  return [
    "Nothing here is measured; a GPU's shares of its peaks stand in engines/gpus.yaml. Next:",
    `  ${commandLine(serve)}`,
    `  ${commandLine(["sctir", "doctor", configPath])}`,
  ].join("\n");
}

function span(range: Range | null, show: (value: number) => string): string {
  if (range === null) return "–";
  const [low, high] = [show(range.low), show(range.high)];
  return low === high ? low : `${low} – ${high}`;
}

const figure = (value: number) => Math.floor(value).toLocaleString("en-US");
const decimal = (value: number) => value.toFixed(1).replace(/\.0$/u, "");
