import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { projectPath } from "./project-folder.ts";

export function toolVersion(): string {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  return version;
}

/** The commit of a working copy; null for an installed package. */
export async function toolCommit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", projectPath("."), "rev-parse", "HEAD"]);
    return stdout.trim();
  } catch {
    return null;
  }
}
