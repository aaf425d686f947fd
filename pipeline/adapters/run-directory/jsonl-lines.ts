import { open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";

/** A line of a text file, without its newline. */
export interface Line {
  text: string;
  number: number; // from 1
  offset: number; // of its first byte in the file
  bytes: number; // without the newline
  complete: boolean; // false for a last line without a newline
}

const chunkBytes = 1 << 18;

/** The lines of a file, streamed; a chunk and the current line are all that is held. */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const file = await open(path, "r");
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let pending: Buffer[] = [];
    let pendingBytes = 0;
    let number = 0;
    let offset = 0;
    const take = (rest: Buffer, complete: boolean): Line => {
      const bytes = pendingBytes + rest.length;
      const text = decode(pending.length === 0 ? rest : Buffer.concat([...pending, rest], bytes));
      number += 1;
      const line = { text, number, offset, bytes, complete };
      offset += bytes + 1;
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
      }
    }
    if (pendingBytes > 0) yield take(Buffer.alloc(0), false);
  } finally {
    await file.close();
  }
}

function decode(bytes: Buffer): string {
  return new StringDecoder("utf8").end(bytes);
}
