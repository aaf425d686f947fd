import { strip } from "./python-text.ts";

/** Where a model's program seems to stand: the path in its tracebacks, and the directory it runs in. */
export const scriptPath = "/tmp/sctir/program.py";

/**
 * What a model is shown of an exception, as in the winning notebook: the heading, for each frame of the program itself
 * `File "` and its source line (path, line number and function cut away), and the last line. Frames of libraries go.
 */
export function ownFrames(stderr: string): string {
  const lines = strip(stderr).split("\n");
  const last = lines.at(-1);
  const shown: string[] = [];
  let wantsSource = false;
  for (const line of lines) {
    if (line.includes("Traceback") || line === last) {
      shown.push(line);
    } else if (line.includes(scriptPath)) {
      shown.push(line.replaceAll(line.slice(line.indexOf('"/') + 1), ""));
      wantsSource = true;
    } else if (wantsSource) {
      shown.push(line);
      wantsSource = false;
    }
  }
  return strip(shown.join("\n"));
}

/** The exception alone, as ToRA's and Qwen's harnesses show it. */
export function lastLine(text: string): string {
  return strip(text).split("\n").at(-1) ?? "";
}
