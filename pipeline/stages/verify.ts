import {
  type ArtifactFile,
  candidatesFile,
  problemsFile,
  rejectedFile,
  selectedFile,
  summaryFile,
  turnsFile,
  verdictsFile,
  votesFile,
} from "../artifacts/artifact-file.ts";
import type { Manifest } from "../artifacts/manifest.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { RunConfig } from "../artifacts/run-config.ts";
import { reasoningRules } from "../core/strategy.ts";
import { UserError } from "../core/user-error.ts";
import { type Check, CheckList, type CheckReport } from "../core/verification.ts";
import { ruleName, voteRuleOf } from "../core/vote.ts";
import type { ArtifactReader, DocumentRead } from "./artifact-reader.ts";
import { runFilter } from "./filter.ts";
import type { ProgramReruns } from "./program-reruns.ts";
import { runScore, type ScoreOptions } from "./score.ts";
import { JournalFold } from "./verify-journal.ts";
import { checkConfig, checkCounts, isWritten } from "./verify-manifest.ts";
import { checkProblems, type ReadAgain } from "./verify-problems.ts";
import { rowKey, VerifyingStore } from "./verifying-store.ts";
import { runVote } from "./vote.ts";

export interface RunToVerify {
  /** Where there is none that can be read, nothing says how a journal was made. */
  manifest: DocumentRead<Manifest> | undefined;
  /** The manifest's, or else the defaults. */
  config: RunConfig;
  profile: Profile;
  configHash: string; // calculated from the config
  ownProfile: Profile | undefined; // sctir's own, of the name that the config gives
  scoring: ScoreOptions;
  /** Another version of sctir began the run. */
  isOtherTool: boolean;
}

export interface VerifyPorts {
  artifacts: ArtifactReader;
  readAgain: ReadAgain;
  /** Runs the journal's programs again, where that is wanted. */
  reruns?: ((check: Check) => ProgramReruns) | undefined;
}

/** What the parts of a verification share. */
export interface Verification {
  run: RunToVerify;
  ports: VerifyPorts;
  checks: CheckList;
  store: VerifyingStore;
  /** The artifacts that were there when it began. */
  present: ReadonlySet<string>;
  /** The run's own, if it is known. */
  manifest: Manifest | undefined;
}

/**
 * verify: whether each artifact follows from those before it, and the result thereby from the journal. The stages are run
 * once more on what is there, with the journal in place of the engine and of Python. Nothing is written. What does not
 * follow is a fault of a check; the next thing is looked at all the same. `listedAtMost`: faults of each check that are
 * kept.
 */
export async function verifyRun(run: RunToVerify, ports: VerifyPorts, listedAtMost: number): Promise<CheckReport[]> {
  const checks = new CheckList(listedAtMost);
  const present = await presentFiles(ports.artifacts);
  if (present.size === 0 && run.manifest === undefined) {
    throw new UserError("There is no artifact in it: nothing to verify.", { hint: "Is it a run directory?" });
  }
  const manifest = run.manifest?.kind === "document" ? run.manifest.value : undefined;
  const store = new VerifyingStore(ports.artifacts, {
    ...{ checks, present, isExact: manifest !== undefined, isOtherTool: run.isOtherTool },
    isDue: (file) => manifest !== undefined && isWritten(manifest, file),
  });
  const verification = { run, ports, checks, store, present, manifest };
  checkConfig(verification);
  const counts = checks.add("manifest.json: counts of its stages");
  await checkProblems(verification);
  await checkSelection(verification);
  await checkJournal(verification);
  await checkResult(verification);
  checkCounts(verification, counts);
  return checks.reports;
}

async function presentFiles(artifacts: ArtifactReader): Promise<ReadonlySet<string>> {
  const present = new Set<string>();
  const rows = [problemsFile, selectedFile, rejectedFile, turnsFile, candidatesFile, votesFile, verdictsFile];
  for (const file of [...rows, { name: summaryFile }]) if (await artifacts.has(file)) present.add(file.name);
  return present;
}

const unreadable = "manifest.json cannot be read, which says by which rules";

/** selected.jsonl and rejected.jsonl, by the filter rule; where problems.jsonl is missing, what is selected stands as it is. */
async function checkSelection({ run, manifest, checks, store, present }: Verification): Promise<void> {
  const names = [selectedFile.name, rejectedFile.name];
  for (const name of names) checks.add(`${name}: by the filter`, name);
  const isKnown = run.manifest?.kind !== "fault";
  if (isKnown && present.has(problemsFile.name) && (present.has(selectedFile.name) || store.isDue(selectedFile.name))) {
    const { filter, problems } = run.config;
    const options = { rule: filter.answers, sources: manifest ? problems : [] };
    await again(store, selectedFile.name, () => runFilter(store, options));
    return;
  }
  for (const name of names) {
    if (present.has(name)) checks.of(name).skip(isKnown ? "there is no problems.jsonl" : unreadable);
    else store.missing(name);
  }
  if (present.has(selectedFile.name)) await checkRows(store, selectedFile, checks.of(selectedFile.name));
}

/** turns.jsonl, and candidates.jsonl by it. */
async function checkJournal({ run, manifest, ports, checks, store, present }: Verification): Promise<void> {
  const journal = {
    turns: checks.add("turns.jsonl: rows, in their order", turnsFile.name),
    seeds: checks.add("turns.jsonl: seeds and request ids"),
    steps: checks.add("turns.jsonl: code and executions"),
    candidates: checks.add("candidates.jsonl: by the journal", candidatesFile.name),
  };
  const hasCandidates = present.has(candidatesFile.name);
  const hasTurns = present.has(turnsFile.name);
  if (!hasTurns) store.missing(turnsFile.name);
  if (!hasCandidates) store.missing(candidatesFile.name);
  if (!present.has(selectedFile.name)) {
    for (const check of Object.values(journal)) check.skip("there is no selected.jsonl");
    return;
  }
  const statements = new Map<string, string>();
  for await (const { problemId, statement } of store.rows(selectedFile)) statements.set(problemId, statement);

  if (manifest === undefined) {
    const why = "without a manifest.json nothing says by which rules";
    if (hasTurns) await checkRows(store, turnsFile, journal.turns, statements);
    if (hasTurns) for (const check of [journal.seeds, journal.steps]) check.skip(why);
    if (hasCandidates) await checkRows(store, candidatesFile, journal.candidates, statements);
    return;
  }
  const { config, profile } = run;
  const rules = reasoningRules(profile, config);
  const judge = { config: { ...config, answer: config.answer ?? profile.policy }, rules, isOtherTool: run.isOtherTool };
  const reruns = ports.reruns?.(checks.add("programs: run again"));
  const fold = new JournalFold(statements, judge, journal);
  if (hasCandidates) {
    for await (const line of store.validLines(candidatesFile)) {
      if (!fold.addCandidate(line)) store.correct(candidatesFile, line, undefined);
    }
  }
  if (!hasTurns) return hasCandidates ? journal.candidates.skip("there is no turns.jsonl") : undefined;
  for await (const line of store.validLines(turnsFile)) {
    const { belongs, program, isLast } = fold.addTurn(line);
    if (!belongs) store.correct(turnsFile, line, undefined);
    if (program) await reruns?.add(line, program, judge);
    if (isLast) reruns?.endCandidate(line.row);
  }
  await reruns?.finish();
  if (hasCandidates) {
    fold.finish();
    for (const { found, derived } of fold.corrected()) {
      if (found) store.correct(candidatesFile, found, derived);
      else store.supply(candidatesFile, derived);
    }
  } else {
    const { ended, open } = fold.counts;
    if (ended > 0) journal.candidates.skip("ended in the journal", ended);
    if (open > 0) journal.candidates.skip("under way in the journal", open);
  }
}

/** votes.jsonl by the vote rule, then verdicts.jsonl and summary.json by those votes. */
async function checkResult({ run, manifest, checks, store, present }: Verification): Promise<void> {
  const votes = checks.add("votes.jsonl: by the vote rule", votesFile.name);
  checks.add("verdicts.jsonl: by the votes", verdictsFile.name);
  checks.add("summary.json: every number", summaryFile);
  const missing = [selectedFile, candidatesFile].find(({ name }) => !present.has(name));
  const results = [votesFile.name, verdictsFile.name, summaryFile];
  if (missing || run.manifest?.kind === "fault") {
    for (const name of results) {
      if (present.has(name)) checks.of(name).skip(missing ? `there is no ${missing.name}` : unreadable);
      else store.missing(name);
    }
    return;
  }
  const ownRule = ruleName(run.config.vote);
  const rule = present.has(votesFile.name) && !manifest ? await firstRule(store) : ownRule;
  if (rule === ownRule) await again(store, votesFile.name, () => runVote(store, voteRuleOf(run.config)));
  else votes.skip(`elected by another rule than the default: ${rule}`);
  if ([verdictsFile.name, summaryFile].some((name) => present.has(name) || store.isDue(name))) {
    await again(store, summaryFile, () => runScore(store, run.scoring));
  } else {
    for (const name of [verdictsFile.name, summaryFile]) store.missing(name);
  }
}

async function firstRule(store: VerifyingStore): Promise<string | undefined> {
  for await (const { rule } of store.rows(votesFile)) return rule;
  return undefined;
}

/** Rows that nothing is known of but that they are valid, are there once, and belong to selected problems. */
async function checkRows<Row extends { problemId: string }>(
  store: VerifyingStore,
  file: ArtifactFile<Row>,
  check: Check,
  problems?: ReadonlyMap<string, unknown>,
): Promise<void> {
  const seen = new Set<string>();
  for await (const line of store.validLines(file)) {
    const key = rowKey(line.row);
    const isStrange = problems !== undefined && !problems.has(line.row.problemId);
    if (!seen.has(key) && !isStrange) {
      seen.add(key);
      check.hold();
      continue;
    }
    const expected = isStrange ? "a problem of selected.jsonl" : "one row of this key";
    check.fault({ ...{ file: file.name, line: line.number, byte: line.byte, row: key, expected }, found: "this row" });
    store.correct(file, line, undefined);
  }
}

/** Runs a stage once more. Where it refuses, what it writes could not be there. */
async function again(store: VerifyingStore, file: string, stage: () => Promise<unknown>): Promise<void> {
  try {
    await stage();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    store.refused(file, error.message);
  }
}
