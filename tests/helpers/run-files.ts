import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The rows of a JSONL artifact; none where it is missing. */
export function rowsOf(directory: string, file: string): Record<string, unknown>[] {
  const path = join(directory, file);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function jsonOf(directory: string, file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(directory, file), "utf8")) as Record<string, unknown>;
}

const times = new Set([
  "milliseconds",
  "startedAt",
  "firstTokenMilliseconds",
  "cpuMilliseconds",
  "peakMemoryMiB",
  "seconds",
  "queuedMilliseconds",
  "engineBusyShare",
  "waste",
]);

/** Rows without what differs between two runs of the same thing: times, and which attempt of a request succeeded. */
export function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !times.has(key) && key !== "requestId")
      .map(([key, inner]) => [key, withoutTimes(inner)]),
  );
}

/** The rows of a file, comparable between runs whatever order they were written in. */
export function comparable(directory: string, file: string): string[] {
  return rowsOf(directory, file)
    .map((row) => JSON.stringify(withoutTimes(row)))
    .toSorted();
}

export interface OwnProblem {
  id: string;
  problem: string;
  answer: string;
}

/** A config over problems made here, against a server; `rest` replaces whole parts. JSON is YAML. */
export async function writeConfig(
  folder: string,
  problems: readonly OwnProblem[],
  baseUrl: string,
  rest: object = {},
): Promise<string> {
  await writeFile(join(folder, "problems-in.jsonl"), problems.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const path = join(folder, "config.yaml");
  const config = {
    problems: [{ set: "own", file: "problems-in.jsonl", fields: { id: "id", statement: "problem", gold: "answer" } }],
    profile: "tir",
    engine: { kind: "vllm", baseUrl, model: "scripted" },
    sampling: { width: 3, depth: 4, maxTokens: 128, seed: 7 },
    ...rest,
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}
