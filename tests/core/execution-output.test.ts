import { describe, expect, it } from "vitest";
import { outputOf } from "../../pipeline/core/execution-output.ts";
import { programOf } from "../../pipeline/core/program.ts";
import { scriptPath } from "../../pipeline/core/traceback.ts";
import { profileNamed } from "../helpers/profiles.ts";

const limits = { outputCharacters: 20, timeoutSeconds: 5 };
const notebook = profileNamed("numina-tir");

describe("what is written back to the model", () => {
  it("is the output, stripped and cut with the profile's marker", () => {
    expect(outputOf({ outcome: "ok", stdout: " 42 \n", stderr: "" }, notebook, limits)).toBe("42");
    const long = { outcome: "ok", stdout: "#".repeat(21), stderr: "" } as const;
    expect(outputOf(long, notebook, limits)).toBe(`${"#".repeat(20)} ... (output truncated)`);
    expect(outputOf(long, profileNamed("tora"), limits)).toBe(`${"#".repeat(10)}...${"#".repeat(10)}`);
  });

  it("counts characters, not UTF-16 units", () => {
    const stdout = "𝔸".repeat(20);
    expect(outputOf({ outcome: "ok", stdout, stderr: "" }, notebook, limits)).toBe(stdout);
  });

  it("is a traceback's own frames, or its last line", () => {
    const stderr = [
      "Traceback (most recent call last):",
      `  File "${scriptPath}", line 4, in <module>`,
      "    print(1/0)",
      "          ~^~",
      '  File "/usr/lib/python3/x.py", line 9, in f',
      "    return g()",
      "ZeroDivisionError: division by zero",
    ].join("\n");
    const result = { outcome: "error", stdout: "before\n", stderr } as const;
    expect(outputOf(result, notebook, { ...limits, outputCharacters: 500 })).toBe(
      'Traceback (most recent call last):\n  File "\n    print(1/0)\nZeroDivisionError: division by zero',
    );
    expect(outputOf(result, profileNamed("tora"), { ...limits, outputCharacters: 500 })).toBe(
      "ZeroDivisionError: division by zero",
    );
  });

  it("names a time-out, and a death without words", () => {
    const silent = { stdout: "", stderr: "" };
    const roomy = { ...limits, outputCharacters: 200 };
    expect(outputOf({ outcome: "timeout", ...silent }, notebook, roomy)).toBe("Timed out after 5 seconds.");
    expect(outputOf({ outcome: "memory", ...silent }, notebook, roomy)).toBe("MemoryError");
    expect(outputOf({ outcome: "error", ...silent }, notebook, roomy)).toBe(""); // sys.exit(3)
  });
});

describe("programOf", () => {
  it("wraps the last line as the notebook does, comment and all", () => {
    expect(programOf("\nx = 3\nx # the value\n", notebook).split("\n").at(-1)).toBe("print(x )");
    expect(programOf("print(1)", notebook).split("\n").at(-1)).toBe("print(1)");
    expect(programOf("x = 3\nx", profileNamed("tir")).split("\n").at(-1)).toBe("x");
  });
});
