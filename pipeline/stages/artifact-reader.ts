import type { z } from "zod";
import type { ArtifactFile } from "../artifacts/artifact-file.ts";

/** Where a line of an artifact stands. */
export interface LinePlace {
  number: number; // from 1
  byte: number; // at which it begins
}

/** What is wrong with a line or a file. */
export interface ReadFault {
  field?: string;
  expected: string;
  found: string;
}

/** A line of an artifact: its row, or what is wrong with it. */
export type ArtifactLine<Row> = LinePlace &
  (
    | { kind: "row"; row: Row; text: string }
    | { kind: "fault"; fault: ReadFault }
    | { kind: "torn"; bytes: number } // the last one: whoever wrote it was stopped within it, or is not done
  );

/** A JSON file. */
export type DocumentRead<Value> =
  | { kind: "document"; value: Value; raw: unknown } // raw: as it stands there, without defaults
  | { kind: "fault"; fault: ReadFault };

/** The artifacts of a run as they lie there, to be looked at: a bad row is data. Nothing is written. */
export interface ArtifactReader {
  /** One that is there and cannot be read is a UserError. */
  has(file: { name: string }): Promise<boolean>;
  /** In file order, streamed; blank lines are left out. */
  lines<Row>(file: ArtifactFile<Row>): AsyncIterable<ArtifactLine<Row>>;
  /** Undefined where it is missing. */
  document<Value>(name: string, schema: z.ZodType<Value>): Promise<DocumentRead<Value> | undefined>;
}
