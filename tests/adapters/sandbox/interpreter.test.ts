import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findInterpreter } from "../../../pipeline/adapters/sandbox/interpreter.ts";
import { exitCodes, UserError } from "../../../pipeline/core/user-error.ts";
import { python } from "./sandbox-under-test.ts";

describe("findInterpreter", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "interpreter-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.skipIf(!python)("takes the one that SCTIR_PYTHON names", async () => {
    const { executable, directories } = await findInterpreter({ SCTIR_PYTHON: python });
    expect(executable).toMatch(/^\/.*python/u);
    expect(directories.length).toBeGreaterThan(0);
  });

  it("says how to get one where there is none", async () => {
    const error = await findInterpreter({ SCTIR_PYTHON: join(folder, "python") }).catch((reason) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ exitCode: exitCodes.unavailable, hint: expect.stringContaining("npm run setup") });
    expect(error.message).toContain(join(folder, "python"));
  });

  it.each([
    ["is too old", `echo '{"executable": "/p", "version": [3, 9], "directories": []}'`, "3.10 is the oldest"],
    ["does not run", "echo 'no such library' >&2; exit 127", "no such library"],
    ["says something else", "echo hello", "cannot be used"],
  ])("says what is wrong with one that %s", async (_, script, message) => {
    const path = join(folder, "python");
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    const error = await findInterpreter({ SCTIR_PYTHON: path }).catch((reason) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(message);
  });
});
