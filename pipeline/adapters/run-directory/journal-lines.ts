import { createHash } from "node:crypto";
import { turnsFile } from "../../artifacts/artifact-file.ts";
import { candidateKey } from "../../artifacts/identifier.ts";
import type { Turn } from "../../artifacts/turn.ts";
import type { RowRefusal } from "../../stages/ports.ts";
import type { Line } from "../text-lines/read-lines.ts";
import { BadLines } from "./bad-lines.ts";
import { lineBatchesOf, linesOf, rowOn } from "./jsonl-rows.ts";
import { describeTornTail } from "./torn-tail.ts";

/** Takes a row in, in the order of the file, or says why it does not belong there. */
export type TakeRow = (row: Turn) => RowRefusal | undefined;

/** A line of the journal that is no row. A `torn` one is the last, and lacks its newline. */
export type FaultyLine = { line: Line } & ({ kind: "torn" } | { kind: "bad"; reason: string });

/** Takes in the journal's rows; yields its other lines. The tool wrote them all: a blank one is wrong, too. */
export async function* faultyLines(path: string, take: TakeRow): AsyncGenerator<FaultyLine> {
  let first: Map<string, FirstRow> | undefined;
  for await (const batch of lineBatchesOf(path)) {
    for (const line of batch) {
      const read = line.complete ? rowOn(line, turnsFile) : undefined;
      if (read === undefined) yield { line, kind: "torn" };
      else if (read.kind === "blank") yield { line, kind: "bad", reason: "blank" };
      else if (read.kind === "bad") yield { line, kind: "bad", reason: read.reason };
      else {
        const refusal = take(read.row);
        if (refusal === undefined) continue;
        if (refusal.repeated) first ??= await firstRows(path);
        const reason = describeRefusal(refusal, first?.get(turnKey(read.row)), line);
        yield { line, kind: "bad", reason };
      }
    }
  }
}

/** Hands each row of a journal to `take`, in order. Returns its torn tail, if it has one; a bad line is a DamagedFile. */
export async function readJournal(path: string, take: TakeRow): Promise<{ offset: number; tail: string } | undefined> {
  const bad = new BadLines(path);
  let torn: { offset: number; tail: string } | undefined;
  for await (const found of faultyLines(path, take)) {
    const { line } = found;
    if (found.kind === "bad") bad.add(line, found.reason);
    else torn = { offset: line.offset, tail: describeTornTail(line.bytes) };
  }
  bad.check();
  return torn;
}

interface FirstRow {
  number: number;
  digest: string;
}

/** Where each turn stands first. Looked up only once a turn stands there twice. */
async function firstRows(path: string): Promise<Map<string, FirstRow>> {
  const found = new Map<string, FirstRow>();
  for await (const line of linesOf(path)) {
    const read = rowOn(line, turnsFile);
    if (read.kind !== "row" || found.has(turnKey(read.row))) continue;
    found.set(turnKey(read.row), { number: line.number, digest: digestOf(line) });
  }
  return found;
}

function describeRefusal({ reason, repeated }: RowRefusal, first: FirstRow | undefined, line: Line): string {
  if (!repeated || first === undefined) return reason;
  return `${reason}, in line ${first.number}, ${first.digest === digestOf(line) ? "the same in every byte" : "but not the same"}`;
}

const turnKey = (row: Turn) => `${candidateKey(row)}:${row.turn}`;

const digestOf = ({ bytes }: Line) => createHash("sha256").update(bytes).digest("base64");
