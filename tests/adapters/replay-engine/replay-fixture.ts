import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Recordings } from "../../../pipeline/adapters/replay-engine/recordings.ts";
import {
  type ReplayServer,
  type ReplayServerOptions,
  startReplayServer,
} from "../../../pipeline/adapters/replay-engine/replay-server.ts";

import { UserError } from "../../../pipeline/core/user-error.ts";

/** Recordings of whole traces: statements, each with its traces in candidate order. */
export function recordingsOf(
  traces: Record<string, readonly string[]>,
  finish: "stop" | "length" = "stop",
): Recordings {
  const problems = Object.entries(traces).map(([statement, texts]) => ({
    statement,
    traces: texts.map((text, sample) => ({ kind: "whole" as const, sample, text, finish })),
  }));
  return { problems, traces: problems.reduce((sum, problem) => sum + problem.traces.length, 0) };
}

/** A server that ends with the test. */
export async function serve(
  recordings: Recordings,
  options: Partial<Omit<ReplayServerOptions, "recordings">> = {},
): Promise<ReplayServer> {
  const server = await startReplayServer({ recordings, model: "replay", maxModelLen: 4096, ...options });
  onTestFinished(() => server.close());
  return server;
}

/** A folder with these files, gone after the test. */
export async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "replay-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

export const jsonLines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

// biome-ignore lint/suspicious/noExplicitAny: a test looks at whatever fields it is about
export type Json = any;

/** Sends a body (an object as JSON) and gives status and parsed answer. `path` is relative to the server's root. */
export async function post(
  server: ReplayServer,
  path: string,
  body: object | string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Json }> {
  const response = await fetch(new URL(path, server.url), {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

export const complete = (server: ReplayServer, body: object) => post(server, "/v1/completions", body);
export const chat = (server: ReplayServer, body: object) => post(server, "/v1/chat/completions", body);

export async function get(server: ReplayServer, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(new URL(path, server.url));
  return { status: response.status, text: await response.text() };
}

/** The value of a metric, of the sample with this label text if given. */
export async function metric(server: ReplayServer, name: string, label = ""): Promise<number> {
  const { text } = await get(server, "/metrics");
  const sample = text.split("\n").find((line) => line.startsWith(`vllm:${name}{`) && line.includes(label));
  return Number(sample?.split(" ").at(-1));
}

/** The UserError that a promise is rejected with. */
export const failure = (promise: Promise<unknown>): Promise<UserError> =>
  promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error) => {
      expect(error).toBeInstanceOf(UserError);
      return error;
    },
  );
