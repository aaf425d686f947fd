import type { Profile } from "../artifacts/profile.ts";
import { strip } from "./python-text.ts";

/**
 * The program that a Python block stands for: the profile's prelude, the block, and for `wrap-print` its last line in
 * `print(…)` when it has no `print(` of its own, a comment cut off first. The notebook does so by text, without regard
 * to syntax: `x = x + 1` at the end is a TypeError there, and a faithful profile keeps that.
 */
export function programOf(block: string, { prelude, lastLine }: Pick<Profile, "prelude" | "lastLine">): string {
  const lines = strip([...prelude, block].join("\n")).split("\n");
  const last = lines.at(-1) ?? "";
  if (lastLine === "wrap-print" && !last.includes("print(")) {
    lines[lines.length - 1] = `print(${last.split("#")[0]})`;
  }
  return lines.join("\n");
}
