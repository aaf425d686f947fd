import { describe, expect, it } from "vitest";
import { findPython } from "../../scripts/lib/python.mjs";

const python = (command: string, version: string, change = {}) => ({
  command,
  version,
  implementation: "cpython",
  executable: `/usr/bin/${command}`,
  start: command,
  canMakeEnvironments: true,
  ...change,
});

/** A machine that has these interpreters on PATH. */
const machine = (...interpreters: ReturnType<typeof python>[]) => ({
  ask: (command: string) => interpreters.find((one) => one.command === command),
});

describe("findPython", () => {
  it("takes python3 where it will do", () => {
    const found = findPython(machine(python("python3.13", "3.13.0"), python("python3", "3.10.12")));
    expect(found.command).toBe("python3");
  });

  it.each([
    ["too old", python("python3", "3.9.18")],
    ["too new for the pinned packages", python("python3", "3.15.0a1")],
    ["another implementation", python("python3", "3.11.9", { implementation: "pypy" })],
    ["without venv", python("python3", "3.12.3", { canMakeEnvironments: false })],
  ])("looks on where python3 is %s", (_why, unsuitable) => {
    expect(findPython(machine(unsuitable, python("python3.11", "3.11.2"))).command).toBe("python3.11");
  });

  it("says what it found where none will do", () => {
    expect(() => findPython(machine(python("python3", "3.6.8")))).toThrow(/python3 is Python 3.6.8, older than 3.10/u);
  });

  it("asks for the venv package of the interpreter that lacks only that", () => {
    const attempt = () => findPython(machine(python("python3", "3.12.3", { canMakeEnvironments: false })));
    expect(attempt).toThrow(expect.objectContaining({ hint: expect.stringContaining("python3.12-venv") }));
  });

  it("takes no other interpreter than the one named", () => {
    const { ask } = machine(python("python3", "3.12.3"), python("/old/python", "3.8.1"));
    expect(findPython({ named: "python3", ask }).command).toBe("python3");
    expect(() => findPython({ named: "/old/python", ask })).toThrow(/older than 3.10/u);
    expect(() => findPython({ named: "/none", ask })).toThrow(/no Python answers there/u);
  });
});
