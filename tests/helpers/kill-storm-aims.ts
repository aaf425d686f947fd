import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processesMarked } from "../adapters/sandbox/processes-by-marker.ts";
import { dwelling, type Hold } from "./kill-storm-hold.ts";

/** When to strike a run: after a time, or once its directory or its processes show that it is somewhere. */
export type Aim =
  | { at: "time"; milliseconds: number }
  /** A file is there; run.lock: it is this run's. */
  | { at: "file"; name: string; milliseconds: number }
  /** The run has printed something. */
  | { at: "said"; text: string; milliseconds: number }
  /** A file is being written. With `hold`, the run dwells before its renaming, so that it is not missed. */
  | { at: "rename"; name: string; hold?: Hold }
  /** So many rows more are in the journal. */
  | { at: "rows"; more: number }
  /** A program that takes its time is running. */
  | { at: "program"; milliseconds: number };

/** From 0 to below 1. */
export type Draw = () => number;

const writtenBy: Record<string, string> = {
  "problems.jsonl": "load",
  "selected.jsonl": "filter",
  "rejected.jsonl": "filter",
};

/**
 * Once through a run: an aim in every stage and one between the writing and the renaming of every file, in the order in
 * which a run gets there. `runMilliseconds` is what one takes that is left alone.
 */
export function tour(draw: Draw, runMilliseconds: number): Aim[] {
  const upTo = (most: number) => Math.floor(draw() * (most + 1));
  const rename = (name: string, text = ""): Aim => ({ at: "rename", name, hold: { name, text } });
  return [
    { at: "time", milliseconds: upTo(150) },
    { at: "file", name: "run.lock", milliseconds: 0 },
    rename("manifest.json"),
    rename("run.lock"),
    rename("problems.jsonl"),
    { at: "file", name: "problems.jsonl", milliseconds: upTo(5) },
    rename("selected.jsonl"),
    rename("rejected.jsonl"),
    { at: "file", name: "rejected.jsonl", milliseconds: upTo(200) },
    { at: "said", text: "generate: ", milliseconds: upTo(100) },
    { at: "time", milliseconds: upTo(runMilliseconds / 2) },
    { at: "rows", more: 1 + upTo(4) },
    { at: "program", milliseconds: upTo(50) },
    { at: "program", milliseconds: upTo(200) },
    { at: "rows", more: 1 + upTo(8) },
    { at: "rows", more: 1 + upTo(4) },
    rename("candidates.jsonl"),
    rename("votes.jsonl"),
    rename("verdicts.jsonl"),
    rename("summary.json"),
    rename("manifest.json", '"state": "complete"'),
  ];
}

/** Some aims of the tour, and others at random, with and without dwelling. */
export function wander(draw: Draw, runMilliseconds: number): Aim[] {
  return tour(draw, runMilliseconds).flatMap((aim): Aim[] => {
    // Rather early: what a run has done already, it need not do again.
    const others: Aim[] = draw() < 0.1 ? [{ at: "time", milliseconds: Math.floor(draw() ** 2 * runMilliseconds) }] : [];
    if (draw() < 0.5) return others;
    if (aim.at !== "rename" || draw() < 0.5) return [...others, aim];
    return [...others, { at: "rename", name: aim.name }];
  });
}

/** Whether a run in this directory is beyond an aim, and would not come by it again. */
export function isBeyond(aim: Aim, out: string): boolean {
  if (["said", "rows", "program"].includes(aim.at)) return existsSync(join(out, "candidates.jsonl"));
  if (!("name" in aim) || aim.name === "run.lock" || aim.name === "manifest.json") return false;
  if (aim.name === "candidates.jsonl") return stagesOf(out).generate?.complete === 1;
  return stagesOf(out)[writtenBy[aim.name] ?? ""] !== undefined;
}

interface Watched {
  out: string;
  pid: number;
  marker: string;
  output(): string;
}

/** Resolves when the moment is there, or the signal aborts. */
export async function reached(
  aim: Aim,
  { out, pid, marker, output }: Watched,
  isHeld: boolean,
  signal: AbortSignal,
): Promise<void> {
  const rows = rowCount(out);
  const isThere = () => {
    if (aim.at === "time") return true;
    if (aim.at === "program") return processesMarked(marker).then(({ length }) => length > 0);
    if (aim.at === "rows") return rowCount(out) >= rows + aim.more;
    if (aim.at === "said") return output().includes(aim.text);
    if (aim.at === "rename") return isHeld ? output().includes(dwelling) : temporaryFiles(out, pid).includes(aim.name);
    return aim.name === "run.lock" ? holderOf(out) === pid : existsSync(join(out, aim.name));
  };
  do {
    while (!signal.aborted && !(await isThere())) await sleep(aim.at === "program" ? 10 : 1);
    if ("milliseconds" in aim) await sleep(aim.milliseconds, undefined, { signal }).catch(() => {});
  } while (aim.at === "program" && !signal.aborted && !(await isThere())); // that program was over: the next one
}

/** What a process is about to rename. */
export function temporaryFiles(out: string, pid: number): string[] {
  const ending = `.${pid}.tmp`;
  return filesIn(out)
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));
}

export function filesIn(out: string): string[] {
  return existsSync(out) ? readdirSync(out) : [];
}

/** Who holds the lock, or is about to, if it can be read. */
export function holderOf(out: string, name = "run.lock"): number | undefined {
  return (jsonIn(out, name) as { pid?: number } | undefined)?.pid;
}

export function stagesOf(out: string): Record<string, Record<string, number> | undefined> {
  const manifest = jsonIn(out, "manifest.json") as { stages: Record<string, Record<string, number>> } | undefined;
  return manifest?.stages ?? {};
}

export function rowCount(out: string): number {
  const path = join(out, "turns.jsonl");
  return existsSync(path) ? readFileSync(path).filter((byte) => byte === 0x0a).length : 0;
}

/** A file may go, or be whole only in a moment, while it is read. */
function jsonIn(out: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(out, name), "utf8"));
  } catch {
    return undefined;
  }
}

/** Where a process was when it ended: its stage, and what it was about to rename. `rows` were in the journal before it began. */
export function phasesOf(out: string, pid: number, rows: number): string[] {
  const renames = temporaryFiles(out, pid).map(renaming);
  if (holderOf(out) !== pid) {
    const isTakingLock = filesIn(out).some((name) => name.startsWith("run.lock.") && holderOf(out, name) === pid);
    return [isTakingLock ? "taking the lock" : "start", ...renames];
  }
  const stages = stagesOf(out);
  const stage = ["load", "filter", "generate", "vote", "score"].find((name) =>
    name === "generate" ? stages.generate?.complete !== 1 : stages[name] === undefined,
  );
  if (stage === "generate") return [rowCount(out) > rows ? "turns" : "engine and sandbox start", ...renames];
  return [stage ?? "end", ...renames];
}

/** What a storm has to hit. */
export const allPhases = [
  ...[
    "start",
    "taking the lock",
    "load",
    "filter",
    "engine and sandbox start",
    "turns",
    "a program runs",
    "vote",
    "score",
    "end",
  ],
  ...["manifest.json", "problems.jsonl", "selected.jsonl", "rejected.jsonl", "candidates.jsonl"].map(renaming),
  ...["votes.jsonl", "verdicts.jsonl", "summary.json"].map(renaming),
];

function renaming(name: string): string {
  return `renaming ${name}`;
}
