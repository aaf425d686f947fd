import { readFileSync } from "node:fs";

/**
 * A JSON file that may be absent or torn: undefined then.
 *
 * @param {string} file
 */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
