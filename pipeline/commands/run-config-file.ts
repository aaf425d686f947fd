import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { parseYaml } from "../adapters/yaml-text/parse-yaml.ts";
import { type Profile, profileSchema } from "../artifacts/profile.ts";
import { type EngineConfig, type RunConfig, runConfigSchema } from "../artifacts/run-config.ts";
import { canEndEarly } from "../core/early-stop/early-winner.ts";
import { nearestName } from "../core/schema-issue.ts";
import { UserError } from "../core/user-error.ts";
import { projectPath } from "./project-folder.ts";
import { checked, readYaml } from "./yaml-file.ts";

/** A config with its profile, every default filled in and every path absolute. */
export interface LoadedConfig {
  config: RunConfig;
  profile: Profile;
}

/**
 * Reads a config file, applies `--set key=value` overrides (dotted keys, YAML values), and fills in what the profile
 * says where the config is silent.
 */
export async function loadRunConfig(path: string, overrides: readonly string[] = []): Promise<LoadedConfig> {
  return resolveRunConfig(path, await readYaml(path, "config"), overrides);
}

/** The same for a value that did not come from a file; `path` is what errors call it. */
export async function resolveRunConfig(
  path: string,
  written: unknown,
  overrides: readonly string[],
): Promise<LoadedConfig> {
  const value = overrides.reduce(applyOverride, written);
  const config = withAbsolutePaths(checked(path, value, runConfigSchema), dirname(resolve(path)));
  checkTogether(path, config);
  const profile = await loadProfile(config.profile);
  return { config: withProfile(config, profile), profile };
}

/** What the schema cannot say: keys that belong together. */
function checkTogether(path: string, { engine, problems, vote, earlyStop }: RunConfig): void {
  if (earlyStop !== "off" && !canEndEarly(vote)) {
    throw new UserError(`${path}: earlyStop is for a majority vote whose ties go by the order of the ballots.`, {
      hint: "Set earlyStop to off, or vote.rule to majority and vote.ties to first-seen or lowest-candidate.",
    });
  }
  if (engine.kind === "vllm" && (engine.baseUrl === undefined) === (engine.baseUrls === undefined)) {
    throw new UserError(`${path}: engine: exactly one of baseUrl and baseUrls is needed.`, {
      hint: 'For example baseUrl: "http://127.0.0.1:8000/v1".',
    });
  }
  for (const [index, source] of problems.entries()) {
    if (source.take !== undefined && source.sample !== undefined) {
      throw new UserError(`${path}: problems.${index}: take and sample exclude each other.`, {
        hint: "Keep one of them.",
      });
    }
    if (source.file !== undefined && source.path !== undefined) {
      throw new UserError(`${path}: problems.${index}: path and file exclude each other.`, {
        hint: "path: is where a card's file is; file: is a file of your own.",
      });
    }
  }
}

function withProfile(config: RunConfig, profile: Profile): RunConfig {
  const preload = config.python.preload ?? profile.preload;
  return {
    ...config,
    answer: config.answer ?? profile.policy,
    python: {
      ...config.python,
      outputCharacters: config.python.outputCharacters ?? profile.outputCharacters,
      state: config.python.state ?? profile.state,
      ...(preload === undefined ? {} : { preload }),
    },
  };
}

function withAbsolutePaths(config: RunConfig, folder: string): RunConfig {
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  const { engine } = config;
  return {
    ...config,
    profile: isPath(config.profile) ? absolute(config.profile) : config.profile,
    problems: config.problems.map((source) => ({
      ...source,
      ...(source.path === undefined ? {} : { path: absolute(source.path) }),
      ...(source.file === undefined ? {} : { file: absolute(source.file) }),
    })),
    engine: engineWithAbsolutePaths(engine, absolute),
  };
}

function engineWithAbsolutePaths(engine: EngineConfig, absolute: (path: string) => string): EngineConfig {
  switch (engine.kind) {
    case "vllm":
      return engine;
    case "llama":
      return { ...engine, model: absolute(engine.model) };
    case "replay":
      return replayWithAbsolutePaths(engine, absolute);
  }
}

function replayWithAbsolutePaths(
  { timing, recordings, ...engine }: Extract<EngineConfig, { kind: "replay" }>,
  absolute: (path: string) => string,
): EngineConfig {
  return {
    ...engine,
    recordings: recordings.map((source) => ({ ...source, file: absolute(source.file) })),
    ...(timing === undefined
      ? {}
      : { timing: { ...timing, card: isPath(timing.card) ? absolute(timing.card) : timing.card } }),
  };
}

/** Whether a profile or a card is named by its file instead of its name. */
const isPath = (nameOrPath: string) => /[/\\]|\.ya?ml$/u.test(nameOrPath);

/** A profile by name (a file in profiles/) or by path. */
export async function loadProfile(nameOrPath: string): Promise<Profile> {
  if (isPath(nameOrPath)) return checked(nameOrPath, await readYaml(nameOrPath, "profile"), profileSchema);
  const names = (await readdir(projectPath("profiles"))).map((file) => file.replace(/\.yaml$/u, "")).toSorted();
  if (!names.includes(nameOrPath)) {
    const near = nearestName(nameOrPath, names);
    throw new UserError(`There is no profile ${nameOrPath}.`, {
      hint: `${near ? `Did you mean ${near}? ` : ""}Known: ${names.join(", ")}; or give a path to a file of your own.`,
    });
  }
  const path = projectPath(`profiles/${nameOrPath}.yaml`);
  return checked(path, await readYaml(path, "profile"), profileSchema);
}

function applyOverride(value: unknown, override: string): unknown {
  const equals = override.indexOf("=");
  if (equals < 1) {
    throw new UserError(`--set ${override}: expected key=value.`, { hint: "For example --set sampling.width=8." });
  }
  const keys = override.slice(0, equals).split(".");
  const change = { keys, value: parseYaml(override.slice(equals + 1), `--set ${override}`) };
  return setAt(value, change.keys, change);
}

interface Change {
  keys: readonly string[];
  value: unknown;
}

function setAt(target: unknown, [key = "", ...rest]: readonly string[], change: Change): unknown {
  const next = (inner: unknown) => (rest.length === 0 ? change.value : setAt(inner, rest, change));
  if (Array.isArray(target)) {
    if (!Object.keys(target).includes(key)) {
      throw new UserError(`--set ${change.keys.join(".")}: there is no ${key} in a list of ${target.length}.`, {
        hint: "An item of a list is named by its number, counted from 0: --set problems.0.take=20.",
      });
    }
    return target.map((item, index) => (String(index) === key ? next(item) : item));
  }
  const record = typeof target === "object" && target !== null ? (target as Record<string, unknown>) : {};
  return { ...record, [key]: next(record[key]) };
}

/** Keys whose value cannot change an answer: a resumed run may have others. */
const free = new Set([
  "engine.baseUrl",
  "engine.baseUrls",
  "engine.apiKeyEnv",
  "engine.requestTimeoutSeconds",
  "engine.idleTimeoutSeconds",
  "engine.streaming",
  "engine.maxAttempts",
  "engine.patienceSeconds",
  "engine.sequences",
  "engine.threads",
  "schedule.concurrency",
  "python.preload",
]);

/** The keys, dotted, in which two configs differ such that their results could. */
export function differingKeys(a: RunConfig, b: RunConfig): string[] {
  const left = flatten(a);
  const right = flatten(b);
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => !free.has(key.replace(/\.\d+$/u, "")) && left.get(key) !== right.get(key))
    .toSorted();
}

/** A checksum of all that can change a run's results. */
export function configHash(config: RunConfig): string {
  const relevant = [...flatten(config)].filter(([key]) => !free.has(key.replace(/\.\d+$/u, ""))).toSorted();
  return createHash("sha256").update(JSON.stringify(relevant)).digest("hex");
}

function flatten(value: unknown, path = ""): Map<string, string> {
  if (typeof value !== "object" || value === null) return new Map([[path, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path === "" ? key : `${path}.${key}`)]),
  );
}
