import fileSystem from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";

/** Where a process is to dwell: before it first renames something to `name` that holds `text`. */
export interface Hold {
  name: string;
  text?: string;
  milliseconds?: number; // a minute
}

/** What it says then. */
export const dwelling = "dwelling before a renaming";

// Loaded into a process before its program (`--import`), with the hold in its environment as JSON.
const { KILL_STORM_HOLD } = process.env;
if (KILL_STORM_HOLD !== undefined) {
  const { name, text = "", milliseconds = 60_000 } = JSON.parse(KILL_STORM_HOLD) as Hold;
  const { rename, readFile } = fileSystem;
  let isOver = false;
  fileSystem.rename = async (from, to) => {
    if (!isOver && basename(String(to)) === name && (await readFile(from, "utf8")).includes(text)) {
      isOver = true;
      process.stderr.write(`${dwelling}\n`);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
    return rename(from, to);
  };
  syncBuiltinESMExports();
}
