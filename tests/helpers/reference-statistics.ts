import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../", import.meta.url));
const packages = join(project, ".statistics-packages");

/** Whether `npm test` could install what `ReferenceStatistics` needs. */
export const hasReferenceStatistics = existsSync(join(packages, ".sctir-setup"));

/** SciPy and statsmodels in one Python process; tests/core/statistics/reference.py says what it can be asked. */
export class ReferenceStatistics {
  readonly #process = spawn(join(project, ".venv/bin/python"), [join(project, "tests/core/statistics/reference.py")], {
    env: { ...process.env, PYTHONPATH: packages },
    stdio: ["pipe", "pipe", "inherit"],
  });
  readonly #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  /** The answers to one question for many cases, each a list of arguments. One question at a time. */
  async ask<Answer>(question: string, cases: readonly (readonly unknown[])[]): Promise<Answer[]> {
    this.#process.stdin.write(`${JSON.stringify([question, cases])}\n`);
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error(`no answer from Python to "${question}": see what it printed`);
    return JSON.parse(value);
  }

  stop(): void {
    this.#process.stdin.end();
  }
}
