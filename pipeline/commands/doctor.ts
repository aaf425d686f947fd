import { tmpdir } from "node:os";
import type { CommandModule } from "yargs";
import { listCards } from "../adapters/dataset-files/cards.ts";
import { loadProblems } from "../adapters/dataset-files/load-problems.ts";
import { findDatasetFile } from "../adapters/dataset-files/resolve-dataset-file.ts";
import { type CheckResult, exitCodeOf, failedBy, ok } from "../adapters/environment/check.ts";
import { checkEngine } from "../adapters/environment/engine-service.ts";
import { checkFolder } from "../adapters/environment/folders.ts";
import { checkNode } from "../adapters/environment/node-version.ts";
import { checkKnownSets, checkProblems } from "../adapters/environment/problem-files.ts";
import { checkSandbox } from "../adapters/environment/python-isolation.ts";
import { checkPython } from "../adapters/environment/python-packages.ts";
import { findInterpreter } from "../adapters/sandbox/interpreter.ts";
import { openPythonSandbox } from "../adapters/sandbox/python-pool.ts";
import { openConfiguredEngine } from "./configured-engine.ts";
import { openConfiguredSandbox } from "./configured-sandbox.ts";
import { printJson, printLine } from "./output.ts";
import { projectPath } from "./project-folder.ts";
import { type LoadedConfig, loadRunConfig } from "./run-config-file.ts";

interface DoctorArguments {
  config?: string;
  set: string[];
  json: boolean;
}

export const command: CommandModule<unknown, DoctorArguments> = {
  command: "doctor [config]",
  describe: "check everything a run needs, and how to mend what is missing",
  builder: (args) =>
    args
      .positional("config", { type: "string", describe: "a run's config: its engine and problems are checked too" })
      .option("set", { type: "string", array: true, nargs: 1, default: [], describe: "change a key of the config" })
      .option("json", {
        type: "boolean",
        default: false,
        describe: "print JSON: an array of {check, state, detail, mend?}",
      })
      .example("$0 doctor", "this machine: Node, Python, the sandbox, folders, problem sets")
      .example("$0 doctor configs/vllm.yaml", "also the config, its problem files and its model server") as never,
  handler: async ({ config, set, json }) => {
    const results: CheckResult[] = [];
    for await (const result of allChecks(config, set)) {
      results.push(result);
      if (!json) printCheck(result);
    }
    if (json) printJson(results.map(({ exitCode: _, ...check }) => check));
    else printLine(`\n${verdict(results)}`);
    process.exitCode = exitCodeOf(results);
  },
};

/** Every check, one after the other, so that each is shown as soon as it is known. */
async function* allChecks(configPath: string | undefined, overrides: readonly string[]): AsyncGenerator<CheckResult> {
  yield* machineChecks();
  if (configPath !== undefined) yield* configChecks(configPath, overrides);
}

async function* machineChecks(): AsyncGenerator<CheckResult> {
  yield checkNode(process.versions.node, Boolean(process.features.typescript));
  const python = await checkPython(() => findInterpreter(), projectPath("requirements.txt"));
  yield* python;
  // Without Python the sandbox would fail for the same reason.
  if (python.every(({ state }) => state !== "failed")) {
    yield checkSandbox(() => openPythonSandbox({ size: 1 }), projectPath("package.json"));
  }
  yield checkFolder("results folder", "results", "Start sctir in another folder, or choose one with --out.");
  yield checkFolder("temporary folder", tmpdir(), "Let TMPDIR name another one.");
  const cards = await listCards();
  yield checkKnownSets(
    await Promise.all(cards.map(async (card) => ({ name: card.name, path: (await findDatasetFile(card))?.path }))),
  );
}

/** The config itself, then each of its problem files, its engine, and what its programs begin with. */
export async function* configChecks(path: string, overrides: readonly string[] = []): AsyncGenerator<CheckResult> {
  let loaded: LoadedConfig;
  try {
    loaded = await loadRunConfig(path, overrides);
  } catch (error) {
    yield failedBy("config", error);
    return;
  }
  const { config, profile } = loaded;
  const { sampling, strategy } = config;
  const shape = `${sampling.width} candidates × ${sampling.depth} turns`;
  yield ok("config", `${path}: ${strategy}, profile ${profile.name}, ${shape}`);
  for (const source of config.problems) yield checkProblems(source, { read: loadProblems });
  // One attempt: what a server says as it fails matters, not that it is gone at the next one.
  const engine = config.engine.kind === "vllm" ? { ...config.engine, maxAttempts: 1 } : config.engine;
  yield* await checkEngine(async () => (await openConfiguredEngine(engine, profile)).engine, config);
  if (strategy !== "cot") yield checkPrograms(loaded);
}

/** Whether the modules can be imported that the config or its profile wants preloaded, and the profile's prelude runs. */
async function checkPrograms({ config, profile }: LoadedConfig): Promise<CheckResult> {
  const check = "programs";
  try {
    const { sandbox } = await openConfiguredSandbox(config, profile, { size: 1 });
    await sandbox.close();
    const modules = config.python.preload?.join(", ") ?? "the usual libraries";
    return ok(check, `preloaded: ${modules || "none"}; what ${profile.name} puts before them runs`);
  } catch (error) {
    return failedBy(check, error);
  }
}

function printCheck({ check, state, detail, mend }: CheckResult): void {
  printLine(`${state.padEnd(8)} ${check}: ${detail}`);
  if (mend !== undefined) printLine(`${" ".repeat(8)} → ${mend.split("\n").join(`\n${" ".repeat(11)}`)}`);
}

function verdict(results: readonly CheckResult[]): string {
  const count = (state: CheckResult["state"]) => results.filter((result) => result.state === state).length;
  const [failures, warnings] = [count("failed"), count("warning")];
  if (failures > 0) return `${failures} of ${results.length} checks failed.`;
  return warnings > 0 ? `Nothing failed; ${warnings} of ${results.length} checks have a warning.` : "All is well.";
}
