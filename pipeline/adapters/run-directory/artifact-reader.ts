import { isUtf8 } from "node:buffer";
import { access, constants, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import type { ArtifactFile } from "../../artifacts/artifact-file.ts";
import { shownAlone } from "../../core/differences.ts";
import { describeIssues } from "../../core/schema-issue.ts";
import type { ArtifactReader, DocumentRead, ReadFault } from "../../stages/artifact-reader.ts";
import { readLines, textOf } from "../text-lines/read-lines.ts";
import { fileFault } from "./file-fault.ts";

interface ArtifactReaderOptions {
  /** Called with each line's number of bytes. */
  onBytes?: (bytes: number) => void;
  /** Throws to stop. */
  checkStop?: () => void;
}

/** Looks at the artifacts in a directory. What is wrong with them is data; a file that cannot be read is a UserError. */
export function openArtifacts(
  directory: string,
  { onBytes = () => {}, checkStop = () => {} }: ArtifactReaderOptions = {},
): ArtifactReader {
  return {
    async has({ name }) {
      const path = join(directory, name);
      const found = await stat(path).catch(() => undefined);
      if (!found?.isFile()) return false;
      await access(path, constants.R_OK).catch((error: unknown) => {
        throw fileFault("read", path, error);
      });
      return true;
    },

    async *lines<Row>({ name, schema }: ArtifactFile<Row>) {
      const path = join(directory, name);
      try {
        for await (const line of readLines(path)) {
          checkStop();
          onBytes(line.bytes.length + 1);
          const place = { number: line.number, byte: line.offset };
          const text = textOf(line);
          if (text.trim() === "") continue;
          const read = isUtf8(line.bytes) ? parse(text, schema) : noUtf8(text);
          if (read.kind === "document") yield { ...place, kind: "row", row: read.value, text };
          else if (!line.complete && read.isNoJson) yield { ...place, kind: "torn", bytes: line.bytes.length };
          else yield { ...place, kind: "fault", fault: read.fault };
        }
      } catch (error) {
        throw fileFault("read", path, error);
      }
    },

    async document(name, schema) {
      const path = join(directory, name);
      let text: string;
      try {
        text = await readFile(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw fileFault("read", path, error);
      }
      return parse(text, schema);
    },
  };
}

type Read<Value> =
  | Extract<DocumentRead<Value>, { kind: "document" }>
  | { kind: "fault"; fault: ReadFault; isNoJson?: boolean };

function parse<Value>(text: string, schema: z.ZodType<Value>): Read<Value> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { kind: "fault", fault: { expected: "a JSON object", found: shownAlone(text) }, isNoJson: true };
  }
  const result = schema.safeParse(raw);
  if (result.success) return { kind: "document", value: result.data, raw };
  const path = result.error.issues[0]?.path ?? [];
  const found = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)[key], raw);
  const expected = describeIssues(schema, result.error).slice(0, 5).join("; ");
  const field = path.length === 0 ? {} : { field: path.map(String).join(".") };
  return { kind: "fault", fault: { ...field, expected, found: shownAlone(found) } };
}

function noUtf8(text: string): Extract<Read<never>, { kind: "fault" }> {
  return { kind: "fault", fault: { expected: "UTF-8", found: shownAlone(text) } };
}
