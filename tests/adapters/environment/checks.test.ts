import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { exitCodeOf, failed, failedBy, ok, warning } from "../../../pipeline/adapters/environment/check.ts";
import { checkFolder, judgeRoom } from "../../../pipeline/adapters/environment/folders.ts";
import { checkNode } from "../../../pipeline/adapters/environment/node-version.ts";
import { checkKnownSets, checkProblems } from "../../../pipeline/adapters/environment/problem-files.ts";
import { checkSandbox } from "../../../pipeline/adapters/environment/python-isolation.ts";
import { checkPython } from "../../../pipeline/adapters/environment/python-packages.ts";
import type { Isolation } from "../../../pipeline/artifacts/manifest.ts";
import { exitCodes, UserError } from "../../../pipeline/core/user-error.ts";
import type { PythonExecution, PythonSandbox } from "../../../pipeline/stages/ports.ts";

const folder = mkdtempSync(join(tmpdir(), "sctir-checks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("exitCodeOf", () => {
  it("is 0 with warnings, 1 with failures, and 3 where engine or sandbox are unavailable", () => {
    const bad = failed("folder", "is full", "Make room.");
    const gone = failedBy("engine", new UserError("No answer.", { exitCode: exitCodes.unavailable }));
    expect(exitCodeOf([ok("a", ""), warning("b", "", "")])).toBe(0);
    expect(exitCodeOf([ok("a", ""), bad])).toBe(1);
    expect(exitCodeOf([bad, gone])).toBe(3);
  });
});

describe("failedBy", () => {
  it("takes message and hint of what the user can mend, and lets a bug through", () => {
    expect(failedBy("config", new UserError("Wrong.", { hint: "Do this." }))).toMatchObject({
      state: "failed",
      detail: "Wrong.",
      mend: "Do this.",
      exitCode: 1,
    });
    expect(() => failedBy("config", new TypeError("x is not a function"))).toThrow(TypeError);
  });
});

describe("checkNode", () => {
  it("wants Node 24 that reads TypeScript", () => {
    expect(checkNode("24.21.0", true).state).toBe("ok");
    expect(checkNode("22.18.0", true).state).toBe("failed");
    expect(checkNode("24.21.0", false)).toMatchObject({
      state: "failed",
      mend: expect.stringContaining("npm run setup"),
    });
  });
});

describe("checkFolder", () => {
  it("accepts a folder that is yet to be made, and leaves nothing behind", async () => {
    expect(await checkFolder("results", join(folder, "yet/to/come"), "")).toMatchObject({ check: "results" });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says why a place cannot be written", async () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    const result = await checkFolder("results", file, "Choose another.");
    expect(result).toMatchObject({ state: "failed", mend: "Choose another." });
    expect(result.detail).toContain("ENOTDIR");
  });

  it.each([
    [10 * 2 ** 30, "ok"],
    [2 ** 30, "warning"],
    [2 ** 20, "failed"],
  ])("judges %d free bytes: %s", (bytes, state) => {
    expect(judgeRoom("results", "results", bytes, "").state).toBe(state);
  });
});

describe("checkKnownSets", () => {
  it("warns of files that are not here, with the command that gets them", () => {
    const sets = [
      { name: "amc", path: "/data/amc.jsonl" },
      { name: "aime", path: undefined },
    ];
    expect(checkKnownSets(sets)).toMatchObject({
      state: "warning",
      mend: expect.stringContaining("sctir datasets fetch aime"),
    });
    expect(checkKnownSets(sets.slice(0, 1)).state).toBe("ok");
  });
});

describe("checkProblems", () => {
  const source = { set: "mine", file: "mine.jsonl" };
  const problem = { problemId: "mine/1", set: "mine", statement: "1 + 1", gold: "2" };
  const reading = (problems: (typeof problem)[], notes: string[] = []) => ({
    read: async () => ({
      problems,
      notes,
      dataset: { set: "mine", file: "mine.jsonl", sha256: "0", rows: problems.length },
    }),
  });

  it("counts the rows, passes notes on as warnings, and fails an empty file", async () => {
    expect(await checkProblems(source, reading([problem]))).toMatchObject({
      state: "ok",
      detail: "1 rows in mine.jsonl",
    });
    expect(await checkProblems(source, reading([problem], ["unusual"]))).toMatchObject({ state: "warning" });
    expect(await checkProblems(source, reading([]))).toMatchObject({ state: "failed" });
  });
});

describe("checkPython", () => {
  const requirementsPath = join(folder, "requirements.txt");
  const program = (packages: Record<string, string>, version = "3.12.1") => {
    const executable = join(folder, "python");
    writeFileSync(executable, `#!/bin/sh\necho '${JSON.stringify({ version, packages })}'\n`, { mode: 0o755 });
    return executable;
  };
  const look = (packages: Record<string, string>, options: { version?: string; isOwn?: boolean } = {}) => {
    writeFileSync(
      requirementsPath,
      "# pins\nnumpy==2.2.6 ; python_full_version < '3.14' \\\n    --hash=sha256:0\nnumpy==2.4.6 ; python_full_version >= '3.14'\nsympy==1.14.0 \\\n    --hash=sha256:1\n",
    );
    const python = { executable: program(packages, options.version), isOwn: options.isOwn ?? true };
    return checkPython(async () => python, requirementsPath);
  };

  it("accepts the pinned packages of its Python", async () => {
    expect(await look({ numpy: "2.2.6", sympy: "1.14.0" })).toMatchObject([{ state: "ok" }, { state: "ok" }]);
    expect(await look({ numpy: "2.4.6", sympy: "1.14.0" }, { version: "3.14.0" })).toMatchObject([
      { state: "ok" },
      { state: "ok" },
    ]);
  });

  it("lists what is installed, its own packages first, and says how to add one", async () => {
    const pinned = { numpy: "2.2.6", sympy: "1.14.0", pip: "24.0" };
    const others = Object.fromEntries(
      Array.from({ length: 15 }, (_, n) => [`extra-${String(n).padStart(2, "0")}`, "1"]),
    );
    expect((await look({ ...others, ...pinned }))[1]).toMatchObject({
      detail: expect.stringMatching(/^numpy 2\.2\.6, sympy 1\.14\.0, extra-00 1, .*extra-11 1, and 3 more$/u),
      mend: expect.stringMatching(/requirements\.in.*npm run setup/u),
    });
    expect((await look(pinned, { isOwn: false }))[1]?.mend).toContain(`${join(folder, "python")} -m pip install`);
  });

  it("fails for an interpreter that does not list its packages", async () => {
    const executable = join(folder, "python");
    writeFileSync(executable, "#!/bin/sh\necho garbage; echo 'no such module' >&2; exit 1\n", { mode: 0o755 });
    expect(await checkPython(async () => ({ executable, isOwn: true }), requirementsPath)).toMatchObject([
      { check: "python", state: "failed", exitCode: 3, detail: expect.stringContaining("no such module") },
    ]);
  });

  it("fails for a missing package and warns of another version", async () => {
    expect(await look({ numpy: "2.2.6" })).toMatchObject([
      { state: "ok" },
      { state: "failed", detail: "missing: sympy", mend: "Run `npm run setup`." },
    ]);
    const [, packages] = await look({ numpy: "1.26.4", sympy: "1.14.0" }, { isOwn: false });
    expect(packages).toMatchObject({ state: "warning", mend: expect.stringContaining("SCTIR_PYTHON") });
    expect(packages?.detail).toContain("numpy 1.26.4 (pinned: 2.2.6)");
  });

  it("says what the search for an interpreter said", async () => {
    const find = () => Promise.reject(new UserError("There is no Python.", { hint: "Run it.", exitCode: 3 }));
    expect(await checkPython(find, requirementsPath)).toEqual([
      { check: "python", state: "failed", detail: "There is no Python.", mend: "Run it.", exitCode: 3 },
    ]);
  });
});

describe("checkSandbox", () => {
  const execution = (stdout: string): PythonExecution => ({
    ...{ outcome: "ok", stdout, stderr: "", outputBytes: stdout.length },
    ...{ milliseconds: 1, cpuMilliseconds: 1, peakMemoryMiB: 1 },
  });
  /** A sandbox that answers the sum with `sum`, and the program that looks at the secret file with `pried`. */
  const sandbox = (isolation: Isolation, { sum = "42\n", pried = "" } = {}) => {
    const state = { closed: false };
    const opened: PythonSandbox = {
      describe: async () => ({ python: "3.12.1", packages: {}, isolation, notes: [] }),
      execute: async ({ code }) => execution(code.includes("/secret") ? pried : sum),
      endSession: () => {},
      close: async () => {
        state.closed = true;
      },
    };
    return { state, open: async () => opened };
  };

  it("is content with bubblewrap, and warns of less", async () => {
    const { state, open } = sandbox("bubblewrap");
    expect(await checkSandbox(open, "/secret")).toMatchObject({ state: "ok" });
    expect(state.closed).toBe(true);
    expect(await checkSandbox(sandbox("limits").open, "/secret")).toMatchObject({ state: "warning" });
  });

  it("fails where programs see files, or do not run", async () => {
    const leaky = await checkSandbox(sandbox("limits", { pried: "read it\n" }).open, "/secret");
    expect(leaky).toMatchObject({ state: "failed", exitCode: 3, detail: expect.stringContaining("/secret") });
    const broken = await checkSandbox(sandbox("bubblewrap", { sum: "" }).open, "/secret");
    expect(broken).toMatchObject({ state: "failed", exitCode: 3 });
  });
});
