import { constants, open } from "node:fs/promises";
import { UserError } from "../../core/user-error.ts";

/** A line of a file, without its newline. */
export interface Line {
  bytes: Buffer; // valid until the next line, or batch of lines, is asked for
  number: number; // from 1
  offset: number; // of its first byte in the file
  complete: boolean; // false for a last line without a newline: whoever wrote it may have been stopped within it
}

export interface LineLimit {
  bytesAtMost?: number; // [256 MiB]
  tooLong?: (line: number) => never;
}

const chunkBytes = 1 << 18;

/** The lines of a file, one by one: see `readLineBatches`. */
export async function* readLines(path: string, limit?: LineLimit): AsyncGenerator<Line> {
  for await (const batch of readLineBatches(path, limit)) {
    for (const line of batch) yield line;
  }
}

/**
 * The lines of a file, streamed, as many at a time as a chunk of the file ends; a chunk and the current line are all that
 * is held. A line that grows beyond `bytesAtMost` is handed to `tooLong`, which throws. Only U+000A ends a line: JSON
 * texts may hold U+2028, which node:readline would take for a line end. What has no end, such as a pipe, is a UserError.
 */
export async function* readLineBatches(
  path: string,
  { bytesAtMost = 256 * 2 ** 20, tooLong = (line) => lineTooLong(path, line) }: LineLimit = {},
): AsyncGenerator<Line[]> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // which does not wait for a pipe's writer
  try {
    const status = await file.stat();
    if (!status.isFile() && !status.isDirectory()) {
      throw new UserError(`${path} is not a regular file.`, { hint: "Copy what it gives into one." });
    }
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let pending: Buffer[] = [];
    let pendingBytes = 0;
    let number = 0;
    let offset = 0;
    const take = (rest: Buffer, complete: boolean): Line => {
      const bytes = pending.length === 0 ? rest : Buffer.concat([...pending, rest]);
      number += 1;
      const line = { bytes, number, offset, complete };
      offset += bytes.length + 1;
      pending = [];
      pendingBytes = 0;
      return line;
    };
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) break;
      const read = chunk.subarray(0, bytesRead);
      const batch: Line[] = [];
      let start = 0;
      for (let end = read.indexOf(0x0a); end >= 0; end = read.indexOf(0x0a, start)) {
        batch.push(take(read.subarray(start, end), true));
        start = end + 1;
      }
      if (batch.length > 0) yield batch;
      if (start < bytesRead) {
        pending.push(Buffer.from(read.subarray(start)));
        pendingBytes += bytesRead - start;
        if (pendingBytes > bytesAtMost) tooLong(number + 1);
      }
    }
    if (pendingBytes > 0) yield [take(Buffer.alloc(0), false)];
  } finally {
    await file.close();
  }
}

function lineTooLong(path: string, line: number): never {
  throw new UserError(`${path}, line ${line}: the line is longer than 256 MiB.`, {
    hint: "Is it a file of another kind, or are its line ends missing?",
  });
}

/** A line as text. Bytes that are not UTF-8 become U+FFFD; a byte order mark at the file's beginning goes. */
export function textOf({ bytes, number }: Line): string {
  const text = bytes.toString("utf8");
  return number === 1 ? text.replace(/^\uFEFF/u, "") : text;
}
