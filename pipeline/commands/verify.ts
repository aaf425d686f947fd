import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import type { CommandModule } from "yargs";
import { loadProblems } from "../adapters/dataset-files/load-problems.ts";
import { openArtifacts } from "../adapters/run-directory/artifact-reader.ts";
import { openRunDirectory } from "../adapters/run-directory/run-directory.ts";
import { runHolder } from "../adapters/run-directory/run-lock.ts";
import { showWork } from "../adapters/terminal-progress/work-line.ts";
import { candidatesFile, manifestFile, turnsFile } from "../artifacts/artifact-file.ts";
import { type Manifest, manifestSchema } from "../artifacts/manifest.ts";
import type { ProblemSource, RunConfig } from "../artifacts/run-config.ts";
import { exitCodes, UserError } from "../core/user-error.ts";
import type { Check, CheckReport } from "../core/verification.ts";
import type { ArtifactReader } from "../stages/artifact-reader.ts";
import { ProgramReruns } from "../stages/program-reruns.ts";
import { type RunToVerify, verifyRun } from "../stages/verify.ts";
import { openConfiguredSandbox } from "./configured-sandbox.ts";
import { Interruption } from "./interruption.ts";
import { printJson, printLine } from "./output.ts";
import { configHash, loadProfile, resolveRunConfig } from "./run-config-file.ts";
import { defaults } from "./stage-command.ts";
import { scoreOptions } from "./stage-runs.ts";
import { toolCommit, toolVersion } from "./tool-version.ts";
import { verificationText } from "./verification-text.ts";

interface VerifyArguments {
  directory: string;
  rerunPython: boolean;
  strict: boolean;
  faults: number;
  json: boolean;
  unsafePython: boolean;
}

/** What is told of a run: each check, and whether all of them held. */
export interface RunVerification {
  directory: string;
  runId: string;
  holds: boolean;
  notes: string[];
  checks: CheckReport[];
}

export const command: CommandModule<unknown, VerifyArguments> = {
  command: "verify <directory>",
  describe: "whether a run's result follows from its journal",
  builder: (args) =>
    args
      .positional("directory", { type: "string", demandOption: true, describe: "the run directory" })
      .option("rerun-python", { type: "boolean", default: false, describe: "run every program of the journal again" })
      .option("strict", {
        type: "boolean",
        default: false,
        describe: "a program that does something else when it is run again is a fault",
      })
      .option("faults", { type: "number", default: 5, describe: "how many faults of each check are listed" })
      .option("json", { type: "boolean", default: false, describe: "print JSON" })
      .option("unsafe-python", { type: "boolean", default: false, describe: "run Python without isolation" })
      .example("$0 verify results/quickstart", "each artifact against those before it")
      .example("$0 verify results/quickstart --rerun-python", "and the outputs against Python here") as never,
  handler: async ({ directory, faults, json, ...options }) => {
    if (!Number.isInteger(faults) || faults < 0) {
      throw new UserError(`--faults ${faults}: expected a whole number.`, { hint: "For example --faults 20." });
    }
    using interruption = new Interruption();
    const verification = await verifyDirectory(directory, { ...options, faults, stopping: interruption.signal });
    if (json) printJson(verification);
    else printLine(verificationText(verification));
    if (!verification.holds) process.exitCode = exitCodes.checkFailed;
  },
};

type VerifyOptions = Omit<VerifyArguments, "directory" | "json"> & { stopping: AbortSignal };

export async function verifyDirectory(directory: string, options: VerifyOptions): Promise<RunVerification> {
  await openRunDirectory(directory); // says where there is none
  const { artifacts, share } = await followedArtifacts(directory, options.stopping);
  const run = await readRun(directory, artifacts);
  const programs = options.rerunPython ? await openPrograms(run, options) : undefined;
  const stopShowing = showWork(() => [`verify: ${share()} read`, ...(programs?.progress() ?? [])].join(", "));
  let checks: CheckReport[];
  try {
    checks = await verifyRun(run, { artifacts, readAgain, reruns: programs?.start }, options.faults);
  } catch (error) {
    if (!options.stopping.aborted) throw error;
    throw new UserError("Interrupted.", {
      hint: "Nothing has been written. The same command begins anew.",
      exitCode: exitCodes.interrupted,
    });
  } finally {
    stopShowing();
    await programs?.close();
  }
  const holds = checks.every(({ faults }) => faults === 0);
  const notes = [...(await originNotes(directory, run)), ...(programs?.notes ?? [])];
  return { directory, runId: run.scoring.runId, holds, notes, checks };
}

/** The artifacts of a directory, and which share of their bytes has been read. */
async function followedArtifacts(directory: string, stopping: AbortSignal) {
  const sizeOf = (name: string) =>
    stat(join(directory, name)).then(
      ({ size }) => size,
      () => 0,
    );
  // Once for itself, and once for the summary.
  const toRead = 2 * (await sizeOf(turnsFile.name)) + (await sizeOf(candidatesFile.name));
  let done = 0;
  const artifacts = openArtifacts(directory, {
    onBytes: (bytes) => {
      done += bytes;
    },
    checkStop: () => stopping.throwIfAborted(),
  });
  return { artifacts, share: () => `${Math.min(100, Math.floor((100 * done) / Math.max(1, toRead)))} %` };
}

async function readRun(directory: string, artifacts: ArtifactReader): Promise<RunToVerify> {
  const manifest = await artifacts.document(manifestFile, manifestSchema);
  if (manifest?.kind === "document") {
    const { config, profile } = manifest.value;
    return {
      ...{ manifest, config, profile, scoring: scoreOptions(manifest.value) },
      // As it was written: a later version may know more keys.
      configHash: configHash((manifest.raw as { config: RunConfig }).config),
      ownProfile: await loadProfile(config.profile).catch(() => undefined),
      isOtherTool: isOther(manifest.value.tool, await ownTool()),
    };
  }
  const loaded = await resolveRunConfig("the defaults", defaults, []);
  const scoring = scoreOptions({ ...loaded, runId: basename(resolve(directory)) });
  return { manifest, ...loaded, scoring, configHash: "", ownProfile: undefined, isOtherTool: false };
}

async function readAgain(source: ProblemSource) {
  const isThere = await stat(source.path ?? source.file ?? "").then(
    () => true,
    () => false,
  );
  return isThere ? loadProblems(source) : undefined;
}

/** A sandbox for the run's programs. */
async function openPrograms(run: RunToVerify, { strict, unsafePython, stopping }: VerifyOptions) {
  const { config, profile, manifest } = run;
  if (manifest?.kind !== "document") {
    throw new UserError("Without a manifest.json nothing says how programs were run.", {
      hint: "Leave out --rerun-python.",
    });
  }
  const { sandbox, description, notes } = await openConfiguredSandbox(config, profile, {
    allowUnsafe: unsafePython,
  });
  const there = manifest.value.sandbox;
  const versions = ({ python, packages }: typeof description) =>
    [`Python ${python}`, ...Object.entries(packages).map(([name, version]) => `${name} ${version}`)].join(", ");
  const isOther = there !== undefined && versions(there) !== versions(description);
  let reruns: ProgramReruns | undefined;
  return {
    start: (check: Check) => {
      const atMost = 4 * availableParallelism();
      reruns = new ProgramReruns({ check, sandbox, isStrict: strict, atMost, signal: stopping });
      return reruns;
    },
    progress: () => (reruns ? [`${reruns.done} programs run`] : []),
    notes: [...notes, ...(isOther ? [`programs ran with ${versions(there)}; here: ${versions(description)}`] : [])],
    close: () => sandbox.close(),
  };
}

/** What a reader should know of where the artifacts come from. */
async function originNotes(directory: string, { manifest, isOtherTool }: RunToVerify): Promise<string[]> {
  if (manifest?.kind !== "document") return [];
  const { tool, state } = manifest.value;
  const holder = state === "complete" ? undefined : await runHolder(directory);
  const versions = `${toolName(tool)}, and is checked by ${toolName(await ownTool())}`;
  return [
    ...(state === "complete" ? [] : [holder ? "The run goes on: this is what was there." : "The run is not complete."]),
    ...(isOtherTool ? [`The run was begun by ${versions}.`] : []),
  ];
}

const ownTool = async () => ({ version: toolVersion(), commit: await toolCommit() });

/** An installed package does not know its commit. */
function isOther(a: Manifest["tool"], b: Manifest["tool"]): boolean {
  return a.version !== b.version || (a.commit !== null && b.commit !== null && a.commit !== b.commit);
}

function toolName({ version, commit }: Manifest["tool"]): string {
  return `sctir ${version}${commit ? ` (${commit.slice(0, 9)})` : ""}`;
}
