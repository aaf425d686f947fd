import { describe, expect, it } from "vitest";
import { missingModule } from "../../pipeline/core/missing-module.ts";

const traceback = (last: string) =>
  `Traceback (most recent call last):\n  File "/tmp/sctir/program.py", line 1, in <module>\n    import x\n${last}\n`;

describe("missingModule", () => {
  it.each([
    ["a package that is not installed", "error", "ModuleNotFoundError: No module named 'pandas'", "pandas"],
    ["a name in another script", "error", "ModuleNotFoundError: No module named 'модуль_2'", "модуль_2"],
    ["a part that a package does not have", "error", "ModuleNotFoundError: No module named 'sympy.solve'", undefined],
    ["a part of what is no package", "error", "ModuleNotFoundError: No module named 'math.x'; 'math' is …", undefined],
    ["a name that a package does not have", "error", "ImportError: cannot import name 'x' from 'sympy'", undefined],
    ["a name that would reach the terminal", "error", "ModuleNotFoundError: No module named '\u001b[31m'", undefined],
    ["another error", "error", "NameError: name 'pandas' is not defined", undefined],
    ["a program that goes on", "ok", "ModuleNotFoundError: No module named 'pandas'", undefined],
  ] as const)("tells from the traceback's last line: %s", (_, outcome, last, name) => {
    expect(missingModule({ outcome, stderr: traceback(last) })).toBe(name);
  });

  it("does not take what a program writes before its end for its end", () => {
    const stderr = traceback("ModuleNotFoundError: No module named 'pandas'") + traceback("ValueError: bad");
    expect(missingModule({ outcome: "error", stderr })).toBeUndefined();
  });
});
