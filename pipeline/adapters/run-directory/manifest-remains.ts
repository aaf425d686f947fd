import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { manifestFile } from "../../artifacts/artifact-file.ts";
import { errorCode, fileFault } from "./file-fault.ts";

/** What is known of a run whose manifest cannot be read. */
export interface ManifestRemains {
  createdAt?: string | undefined;
  runId?: string | undefined;
  configHash?: string | undefined;
}

/** What can be made out in the text of a damaged manifest; the time, if need be, from the oldest artifact. */
export async function readManifestRemains(directory: string): Promise<ManifestRemains> {
  try {
    const text = await readFile(join(directory, manifestFile), "utf8").catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return "";
      throw error;
    });
    const createdAt = fieldIn(text, "createdAt");
    return {
      createdAt: createdAt !== undefined && isTime(createdAt) ? createdAt : await oldestArtifact(directory),
      runId: fieldIn(text, "runId"),
      configHash: fieldIn(text, "configHash"),
    };
  } catch (error) {
    throw fileFault("read", directory, error);
  }
}

function fieldIn(text: string, name: string): string | undefined {
  return new RegExp(`"${name}":\\s*"([^"\\\\\\n\\0]+)"`, "u").exec(text)?.[1];
}

function isTime(text: string): boolean {
  const time = new Date(text);
  return !Number.isNaN(time.getTime()) && time.toISOString() === text;
}

async function oldestArtifact(directory: string): Promise<string | undefined> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".jsonl"));
  const times = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).mtimeMs));
  return times.length === 0 ? undefined : new Date(Math.min(...times)).toISOString();
}
