import { z } from "zod";

/** Fields that several records share. Every row may carry `meta`: free data that no stage reads unless it says so. */
export const problemId = z
  .string()
  .min(1)
  .regex(/^[^/]+\/./u, "expected <set>/<key>");

export const count = z.number().int().nonnegative();
export const milliseconds = z.number().nonnegative();

/** An arbitrary-precision integer in canonical form: no plus sign, no leading zero, no `-0`. */
export const integerText = z
  .string()
  .regex(/^(0|-?[1-9][0-9]*)$/u, "expected an integer in canonical form, such as -4 or 8178");

export const meta = z.record(z.string(), z.unknown()).optional();

/** A candidate's identity within a run; turns, candidates and replicates count from 0. */
export const candidateKeyFields = { problemId, replicate: count, candidate: count };

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
