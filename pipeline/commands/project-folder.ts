import { fileURLToPath } from "node:url";

/** A file or folder of the project itself: datasets/, profiles/, configs/, package.json. */
export function projectPath(relative: string): string {
  return fileURLToPath(new URL(`../../${relative}`, import.meta.url));
}
