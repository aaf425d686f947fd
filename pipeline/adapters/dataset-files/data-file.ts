import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { UserError } from "../../core/user-error.ts";
import type { DataRow, RowReader } from "./data-row.ts";

/** The formats a data file may have, by the ending of its name. A reader is loaded with the first file of its format. */
const readers: Record<string, () => Promise<RowReader>> = {
  ".jsonl": async () => (await import("./jsonl-rows.ts")).jsonlRows,
  ".csv": async () => (await import("./csv-rows.ts")).csvRows,
  ".parquet": async () => (await import("./parquet-rows.ts")).parquetRows,
};
const endings = "expected .jsonl, .csv or .parquet";

/**
 * The rows of a data file in file order, streamed. `name` stands for the file's name where the file itself has another,
 * as a download in progress does. What is wrong with the file, or with a row's form, is a UserError.
 */
export async function* dataRows(path: string, name = basename(path)): AsyncGenerator<DataRow> {
  try {
    await checkRegular(path);
    const ending = extname(name).toLowerCase();
    const loadReader = readers[ending];
    if (loadReader === undefined) throw unknownEnding(ending, path);
    await checkContent(path, ending);
    const read = await loadReader();
    yield* read(path);
  } catch (error) {
    throw fileFault(error, path);
  }
}

/** The sha256 of a file's bytes, in lower-case hexadecimal. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  } catch (error) {
    throw fileFault(error, path);
  }
  return hash.digest("hex");
}

function unknownEnding(ending: string, path: string): UserError {
  return new UserError(`${path} has ${ending === "" ? "no ending" : `the ending ${ending}`}; ${endings}.`, {
    hint: endingHints[ending] ?? "Convert the file, or give it the ending of its format.",
  });
}

const unpack = "Unpack it first; the ending then tells its format.";
const endingHints: Record<string, string> = {
  ".gz": unpack,
  ".zst": unpack,
  ".bz2": unpack,
  ".xz": unpack,
  ".zip": unpack,
  ".json": "Write one object per line, for example with: jq -c '.[]' FILE.json > FILE.jsonl",
  ".ndjson": "JSON lines have the ending .jsonl here; rename the file.",
  ".tsv": "Save it with commas, as .csv.",
  ".xlsx": "Export it as CSV UTF-8.",
};

async function checkRegular(path: string): Promise<void> {
  const status = await stat(path);
  if (status.isDirectory()) {
    throw new UserError(`${path} is a directory; expected a file.`, { hint: "Name the file in it." });
  }
  if (!status.isFile()) throw new UserError(`${path} is not a regular file.`, { hint: "Copy it into one." });
  if (status.size === 0) throw new UserError(`${path} is empty.`, { hint: "Copy or download it again." });
}

/** Looks at the file's first bytes, to name what else a file may be that bears the format's ending. */
async function checkContent(path: string, ending: string): Promise<void> {
  const start = await firstBytes(path, 512);
  const found = foreignContents.find(({ test, except }) => except !== ending && test(start));
  if (found) throw new UserError(`${path} is not a ${ending} file: ${found.is}.`, { hint: found.hint });
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

const startsWith =
  (...bytes: number[]) =>
  (start: Buffer) =>
    bytes.every((byte, at) => start[at] === byte);

const foreignContents: { test: (start: Buffer) => boolean; is: string; hint: string; except?: string }[] = [
  { test: startsWith(0x1f, 0x8b), is: "it is compressed with gzip", hint: "Unpack it with gunzip." },
  { test: startsWith(0x28, 0xb5, 0x2f, 0xfd), is: "it is compressed with zstd", hint: "Unpack it with unzstd." },
  { test: startsWith(0x50, 0x4b, 3, 4), is: "it is a zip archive", hint: "Unpack it, or export the sheet as CSV." },
  {
    test: (start) => start.subarray(0, 4).toString("latin1") === "PAR1",
    is: "it is a parquet file",
    hint: "Give it the ending .parquet.",
    except: ".parquet",
  },
  {
    test: (start) => startsWith(0xff, 0xfe)(start) || startsWith(0xfe, 0xff)(start),
    is: "it is text in UTF-16",
    hint: "Save it as UTF-8.",
  },
  {
    test: (start) => /^\uFEFF?\s*<(!doctype|html|head|body|\?xml)/iu.test(start.toString("utf8")),
    is: "it is a web page",
    hint: "A download seems to have got an error or login page. Delete the file and download it again.",
  },
  {
    test: (start) => start.toString("latin1").startsWith("version https://git-lfs.github.com/spec/"),
    is: "it is a Git LFS pointer, not the data",
    hint: "Run `git lfs pull` where it was checked out.",
  },
];

/** A file-system error in words; any other error as it is. */
export function fileFault(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  if (!("syscall" in error) && error.code !== "ERR_INVALID_ARG_VALUE") return error; // a path with a null character
  const [message, hint] = fileFaults[String(error.code)] ?? [
    `${path}: ${error.message}`,
    "Check the file and its disk.",
  ];
  return new UserError(
    message.replace("PATH", () => path),
    { hint, cause: error },
  );
}

const fileFaults: Record<string, [string, string]> = {
  ENOENT: ["No file is at PATH.", "Check the path; a relative one counts from the config file, or from here."],
  ENOTDIR: ["No file is at PATH: a part of the path is a file.", "Check the path."],
  EISDIR: ["PATH is a directory; expected a file.", "Name the file in it."],
  EACCES: ["PATH may not be accessed.", "Check its permissions."],
  EPERM: ["PATH may not be accessed.", "Check its permissions."],
  EROFS: ["PATH is on a read-only disk.", "Set SCTIR_CACHE to a folder that can be written."],
  ENOSPC: ["The disk with PATH is full.", "Make room, or set SCTIR_CACHE to a folder on another disk; then try again."],
  EDQUOT: ["The disk quota for PATH is used up.", "Make room, or set SCTIR_CACHE to a folder on another disk."],
  ENAMETOOLONG: ["The path PATH is too long.", "Use a shorter one."],
};
