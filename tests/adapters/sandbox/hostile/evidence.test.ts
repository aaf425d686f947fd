import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAvailable, isolations, openSandbox, python } from "../sandbox-under-test.ts";
import { Bait } from "./bait.ts";
import type { HostileProgram } from "./hostile-program.ts";
import { canary, sourceOf } from "./lane.ts";
import { nextExecution } from "./programs/next-execution.ts";
import { programs } from "./programs.ts";

const unconfined = programs.filter((program) => program.unconfined);
const changing = unconfined.filter((program) => nextExecution.includes(program));
const outward = unconfined.filter((program) => !changing.includes(program));
const named = (programs: readonly HostileProgram[]) => programs.map((program) => [program.name, program] as const);

/** The tests of hostile programs look for evidence. Here there is some, because nothing confines the programs. */
describe.skipIf(!python)("evidence of a hostile program that is not confined", () => {
  it("is there of many", () => {
    expect(outward.length).toBeGreaterThanOrEqual(20);
    expect(changing.length).toBeGreaterThanOrEqual(6);
  });

  it.each(named(outward))("is there of one that %s", async (_, program) => {
    const bait = await Bait.lay({ harmless: true });
    try {
      expect(await bait.evidence(await runPlainly([sourceOf(program, bait)]))).not.toEqual([]);
    } finally {
      await bait.remove();
    }
  });

  it("is not there of an innocent one", async () => {
    const bait = await Bait.lay({ harmless: true });
    try {
      expect(await bait.evidence(await runPlainly([sourceOf({ code: "print(1)" }, bait)]))).toEqual([]);
    } finally {
      await bait.remove();
    }
  });
});

describe.skipIf(!python)("the canary", async () => {
  const untouched = canaryAfter("x = 1");
  const isolation = (await Promise.all(isolations.map(isAvailable))).indexOf(true);

  it("looks the same after an innocent program", async () => {
    expect(await canaryAfter("y = 2")).toBe(await untouched);
  });

  it.each(named(changing))("shows the change by one that %s, where nothing keeps them apart", async (_, { code }) => {
    expect(await canaryAfter(code)).not.toBe(await untouched);
  });

  it.skipIf(isolation < 0)("shows a change by a block that shares its interpreter", async () => {
    const { sandbox, run } = await openSandbox({ isolation: isolations[isolation] ?? "bubblewrap", size: 1 });
    const untouched = await run(canary, { earlier: ["x = 1"] });
    const poisoned = await run(canary, { earlier: ["import math; math.pi = 3"] });
    await sandbox.close();
    expect(poisoned.outcome).toBe("ok");
    expect(poisoned.stdout).not.toBe(untouched.stdout);
  });
});

/** What the canary prints in the same interpreter, then in another one in the same directory. */
async function canaryAfter(code: string): Promise<string> {
  const bait = await Bait.lay({ harmless: true });
  try {
    const seeds = "import random, numpy, sympy.core.random as s\nrandom.seed(0); numpy.random.seed(0); s.seed(0)\n";
    const program = `${seeds}${sourceOf({ code: `${code}\n${canary}` }, bait)}`;
    return (await runPlainly([program, `${seeds}${canary}`])).replace(/"source": \d+/u, "");
  } finally {
    await bait.remove();
  }
}

/** The output of programs that run one after the other in a directory, in an interpreter each. */
async function runPlainly(sources: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "plain-"));
  // A file: of a pipe, a process that a program leaves behind would hold the other end open.
  const outputPath = `${folder}.output`;
  const output = await open(outputPath, "w");
  for (const source of sources) {
    await rm(join(folder, "program.py"), { force: true });
    await writeFile(join(folder, "program.py"), source);
    const interpreter = spawn(python ?? "", ["program.py"], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, PYTHONHASHSEED: "0" },
      stdio: ["ignore", output.fd, output.fd],
      timeout: 60_000,
    });
    await once(interpreter, "exit");
  }
  await output.close();
  const text = await readFile(outputPath, "utf8");
  await rm(outputPath);
  await rm(folder, { recursive: true, force: true });
  return text;
}
