import { open } from "node:fs/promises";

/** A line of a file, without its newline. */
export interface Line {
  bytes: Buffer; // valid until the next line is asked for
  number: number; // from 1
  offset: number; // of its first byte in the file
  complete: boolean; // false for a last line without a newline: whoever wrote it may have been stopped within it
}

const chunkBytes = 1 << 18;

/**
 * The lines of a file, streamed; a chunk and the current line are all that is held. A line that grows beyond
 * `bytesAtMost` is handed to `tooLong`, which throws. Only U+000A ends a line: JSON texts may hold U+2028, which
 * node:readline would take for a line end.
 */
export async function* readLines(
  path: string,
  { bytesAtMost = Number.POSITIVE_INFINITY, tooLong }: { bytesAtMost?: number; tooLong?: (line: number) => never } = {},
): AsyncGenerator<Line> {
  const file = await open(path, "r");
  try {
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
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(0x0a, start);
        if (end < 0 || end >= bytesRead) break;
        yield take(chunk.subarray(start, end), true);
        start = end + 1;
      }
      if (start < bytesRead) {
        pending.push(Buffer.from(chunk.subarray(start, bytesRead)));
        pendingBytes += bytesRead - start;
        if (pendingBytes > bytesAtMost) tooLong?.(number + 1);
      }
    }
    if (pendingBytes > 0) yield take(Buffer.alloc(0), false);
  } finally {
    await file.close();
  }
}

/** A line as text. Bytes that are not UTF-8 become U+FFFD; a byte order mark at the file's beginning goes. */
export function textOf({ bytes, number }: Line): string {
  const text = bytes.toString("utf8");
  return number === 1 ? text.replace(/^\uFEFF/u, "") : text;
}
