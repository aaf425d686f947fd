import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { parse, stringify } from "yaml";

/** What a storm's runs evaluate: recordings of its own, small, with programs of every kind that a kill could meet. */

export const concurrency = 4;
const width = 4;
const statements = Array.from({ length: 6 }, (_, index) => `What is ${index + 2} squared?`);
const rejected = ["x^2", "1/2"];

const block = (code: string, output: string) => `\n\`\`\`python\n${code}\n\`\`\`\n\`\`\`output\n${output}\n\`\`\`\n`;
const answer = (value: number) => `\nThe answer is $\\boxed{${value}}$.`;

/** Names its process after the marker, so that it is seen from outside while it runs. */
const named = (marker: string) => `import ctypes, os, time\nctypes.CDLL(None).prctl(15, b"${marker}")`;

/** A candidate's trace; `n` is the number to be squared. */
const traces: ((n: number, marker: string) => string)[] = [
  (n) =>
    `I square it.${block(`print(${n} ** 2)`, String(n * n))}Once more.${block(`print(${n} * ${n})`, String(n * n))}${answer(n * n)}`,
  (n, marker) =>
    `I wait.${block(`${named(marker)}\ntime.sleep(0.3)\nprint(${n} ** 2)`, String(n * n))}${answer(n * n)}`,
  (n, marker) => {
    const forks = `${named(marker)}\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    while True: pass`;
    const spins = "until = time.monotonic() + 0.3\nwhile time.monotonic() < until: pass";
    return `I spin.${block(`${forks}\n${spins}\nprint(${n} ** 2)`, String(n * n))}${answer(n * n)}`;
  },
  (n) => {
    const traceback = "Traceback (most recent call last):\nZeroDivisionError: division by zero";
    return `I divide.${block(`print(${n} // 0)`, traceback)}Once more.${block(`print(${n} + 1)`, String(n + 1))}${answer(n + 1)}`;
  },
  (n) => `I know it.${answer(n)}`,
  (n) => `I double it.${block(`print(2 * ${n})`, String(2 * n))}${answer(2 * n)}`,
];

/** A kind of run: what is changed in its config, and how much of it a run that is left alone has in common with it. */
export interface Variant {
  rest?: object;
  /** Behind a server of the storm's own that counts requests, instead of the embedded engine. */
  isServed?: true;
  /** `sctir load`, `filter`, … instead of `sctir run`. */
  byStages?: true;
  withoutBubblewrap?: true;
  same: "everything" | "winners" | "whole candidates";
}

const python = { preload: [], timeoutSeconds: 60 };

export const variants = {
  embedded: { same: "everything" },
  served: { isServed: true, same: "everything" },
  sessions: { rest: { python: { ...python, state: "session" } }, isServed: true, same: "everything" },
  libraries: { rest: { python: { timeoutSeconds: 60 } }, same: "everything" },
  limits: { withoutBubblewrap: true, same: "everything" },
  stages: { byStages: true, isServed: true, same: "everything" },
  exam: { rest: { schedule: { concurrency, mode: "exam" } }, isServed: true, same: "everything" },
  certain: { rest: { earlyStop: "certain" }, same: "winners" },
  budget: { rest: { budget: { problemSeconds: 1, totalSeconds: 3 } }, same: "whole candidates" },
} satisfies Record<string, Variant>;

export type VariantName = keyof typeof variants;

const recordingRows = (marker: string) =>
  statements.flatMap((problem, index) =>
    Array.from({ length: width }, (_, sample) => ({
      ...{ problem, sample, finish: "stop" },
      text: traces[(index * width + sample) % traces.length]?.(index + 2, marker) ?? "",
    })),
  );

/** Writes problems, recordings, a profile and a config to a folder; `rest` replaces whole parts of the config. */
export async function writeWorkload(folder: string, marker: string, rest: object = {}): Promise<string> {
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const problems = statements.map((problem, index) => ({ id: index, problem, answer: String((index + 2) ** 2) }));
  const others = rejected.map((gold, index) => ({ id: `no-${index}`, problem: `Rejected ${index}`, answer: gold }));
  const profile = parse(await readFile(fileURLToPath(new URL("../../profiles/tir.yaml", import.meta.url)), "utf8"));
  const config = {
    problems: [{ set: "own", file: "problems-in.jsonl", fields: { id: "id", statement: "problem", gold: "answer" } }],
    profile: "./profile.yaml",
    engine: { kind: "replay", recordings: ["recordings.jsonl"] },
    sampling: { width, depth: 4, seed: 7 },
    // Nothing is imported, so that a worker is there at once; and no program fails for a busy machine.
    python,
    schedule: { concurrency },
    ...rest,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "problems-in.jsonl"), lines([...problems, ...others]));
  await writeFile(join(folder, "recordings.jsonl"), lines(recordingRows(marker)));
  await writeFile(join(folder, "profile.yaml"), stringify({ ...profile, name: "storm", prelude: [] }));
  await writeFile(join(folder, "config.yaml"), stringify(config));
  return join(folder, "config.yaml");
}

/** A search path on which there is no bubblewrap, so that the kernel's own means confine programs. */
export async function pathWithoutBubblewrap(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of ["git", "rm"]) {
    const { stdout } = await execa("which", [name], { reject: false });
    if (stdout) await symlink(stdout, join(folder, name));
  }
  return folder;
}
