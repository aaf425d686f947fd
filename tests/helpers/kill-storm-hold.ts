import fileSystem from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";

/**
 * Loaded into a process before its program (`--import`), this makes it dwell between a file's writing and its renaming:
 * `KILL_STORM_HOLD=votes.jsonl:1:60000` before the first file that becomes votes.jsonl, for a minute.
 */
const [name, time = "1", milliseconds = "60000"] = (process.env.KILL_STORM_HOLD ?? "").split(":");
const rename = fileSystem.rename;
let times = 0;

fileSystem.rename = async (from, to) => {
  if (basename(String(to)) === name) times += 1;
  if (basename(String(to)) === name && times === Number(time)) {
    process.stderr.write(`dwelling before ${name}\n`);
    await new Promise((resolve) => setTimeout(resolve, Number(milliseconds)));
  }
  return rename(from, to);
};
syncBuiltinESMExports();
