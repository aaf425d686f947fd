import { z } from "zod";

/** Fields that several records share. Every row may carry `meta`: free data that no stage reads unless it says so. */
export const problemId = z
  .string()
  .min(1)
  .regex(/^[^/]+\/./u, "expected <set>/<key>");

/** A set's name. The one that is excluded cannot be the key of a JavaScript object, as it is in a summary. */
export const setName = z
  .string()
  .min(1)
  .refine((name) => name !== "__proto__", "a set cannot have this name");

export const count = z.number().int().nonnegative();

/** A sum of counts, which may be larger than a count can be. */
export const total = z.number().nonnegative().refine(Number.isInteger, "expected a whole number");

/** About 300 years: sums stay finite, and every moment is a date. */
const mostMilliseconds = 1e13;
export const milliseconds = z.number().nonnegative().max(mostMilliseconds);

/** An arbitrary-precision integer in canonical form: no plus sign, no leading zero, no `-0`. */
export const integerText = z
  .string()
  .regex(/^(0|-?[1-9][0-9]*)$/u, "expected an integer in canonical form, such as -4 or 8178");

/** Far beyond any run. Whoever reads a row makes room for all those below it. */
export const mostReplicates = 10_000;
export const mostCandidates = 100_000;
export const mostTurns = 10_000;

const deepest = 100;

/** What JSON gives back as it was written, and what can be written again: deeper values take more stack than there is. */
function isFreeValue(value: unknown, depth = 0): boolean {
  if (typeof value === "number") return Number.isFinite(value); // 1e400 is no number to JavaScript
  if (typeof value !== "object" || value === null) return true;
  return depth < deepest && Object.values(value).every((inner) => isFreeValue(inner, depth + 1));
}

/** Any JSON object. Not z.record, which drops a key `__proto__`. */
export const freeData = z.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value) && isFreeValue(value),
  `expected an object of at most ${deepest} levels, with finite numbers`,
);

export const meta = freeData.optional();

/** A time in a row's `meta`, which nobody has checked: 0 where there is none. */
export function metaMilliseconds(data: Record<string, unknown> | undefined, name: string): number {
  const value = data?.[name];
  return typeof value === "number" && value >= 0 && value <= mostMilliseconds ? value : 0;
}

/** A candidate's identity within a run; turns, candidates and replicates count from 0. */
export const candidateKeyFields = {
  problemId,
  replicate: count.max(mostReplicates - 1),
  candidate: count.max(mostCandidates - 1),
};

export interface CandidateKey {
  problemId: string;
  replicate: number;
  candidate: number;
}

/** A text that is equal exactly for equal keys. */
export function candidateKey({ problemId, replicate, candidate }: CandidateKey): string {
  return `${problemId}:${replicate}:${candidate}`;
}

/** A text that is equal exactly for candidates that are voted on together. */
export function voteKey({ problemId, replicate }: Pick<CandidateKey, "problemId" | "replicate">): string {
  return `${problemId}:${replicate}`;
}

/** Orders rows as derived files are sorted: problem (by code unit), replicate, candidate. */
export function byKey(a: { problemId: string; replicate?: number; candidate?: number }, b: typeof a): number {
  if (a.problemId !== b.problemId) return a.problemId < b.problemId ? -1 : 1;
  return (a.replicate ?? 0) - (b.replicate ?? 0) || (a.candidate ?? 0) - (b.candidate ?? 0);
}
