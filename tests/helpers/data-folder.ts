import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of real validation sets, recordings and conformance cases; tests that need it are skipped without it. */
export const dataFolder = process.env.SCTIR_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
export const hasDataFolder = existsSync(dataFolder);

/** All rows of one of its JSONL files; none where the folder is absent. */
export function dataRows<Row>(file: string): Row[] {
  if (!hasDataFolder) return [];
  return readFileSync(`${dataFolder}/${file}`, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** What one of its JSON files holds. */
export function dataFile<Content>(file: string): Content {
  return JSON.parse(readFileSync(`${dataFolder}/${file}`, "utf8")) as Content;
}
