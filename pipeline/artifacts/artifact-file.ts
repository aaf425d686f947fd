import type { z } from "zod";
import { type Candidate, candidateSchema } from "./candidate.ts";
import {
  type Problem,
  problemSchema,
  type RejectedProblem,
  rejectedProblemSchema,
  type SelectedProblem,
  selectedProblemSchema,
} from "./problem.ts";
import { type Turn, turnSchema } from "./turn.ts";
import { type Verdict, verdictSchema } from "./verdict.ts";
import { type Vote, voteSchema } from "./vote.ts";

/** A JSONL file of a run directory: its name, and what each of its lines holds. */
export interface ArtifactFile<Row> {
  name: string;
  schema: z.ZodType<Row>;
}

export const problemsFile: ArtifactFile<Problem> = { name: "problems.jsonl", schema: problemSchema };
export const selectedFile: ArtifactFile<SelectedProblem> = { name: "selected.jsonl", schema: selectedProblemSchema };
export const rejectedFile: ArtifactFile<RejectedProblem> = { name: "rejected.jsonl", schema: rejectedProblemSchema };
export const turnsFile: ArtifactFile<Turn> = { name: "turns.jsonl", schema: turnSchema };
export const candidatesFile: ArtifactFile<Candidate> = { name: "candidates.jsonl", schema: candidateSchema };
export const votesFile: ArtifactFile<Vote> = { name: "votes.jsonl", schema: voteSchema };
export const verdictsFile: ArtifactFile<Verdict> = { name: "verdicts.jsonl", schema: verdictSchema };

export const summaryFile = "summary.json";
export const manifestFile = "manifest.json";
