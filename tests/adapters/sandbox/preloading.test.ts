import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../../pipeline/core/user-error.ts";
import { ownPython } from "../../helpers/own-python.ts";
import { isAvailable, isolations, openSandbox, type SandboxUnderTest } from "./sandbox-under-test.ts";

const setUps = process.env.SCTIR_PYTHON;

/** What a module tells of itself when it is imported, in a place that a later program can still see. */
const modules = {
  "single.py": "import os\nimported_by = os.getpid()\n",
  "family/__init__.py": "",
  "family/parent.py": "from . import child\nfrom family.cousin import name\nimport os\nimported_by = os.getpid()\n",
  "family/child.py": "age = 3\n",
  "family/cousin.py": "name = 'c'\n",
  "family/stranger.py": "import family.cousin\n",
  "needy.py": "import nothing_of_that_name\n",
  "raising.py": "raise SystemExit('not on this machine')\n",
  "noisy.py": "print('{\"ready\": 1}')\nimport sys\nsys.stderr.write('x' * 100000)\n",
  "crashing.py": "import os\nos.abort()\n",
};

describe("preloaded modules", async () => {
  let folder: string;
  let opened: SandboxUnderTest[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "preloading-"));
    process.env.SCTIR_PYTHON = await ownPython(folder, modules);
  });
  afterEach(async () => {
    await Promise.all(opened.map(({ sandbox }) => sandbox.close()));
    opened = [];
  });
  afterAll(async () => {
    if (setUps === undefined) delete process.env.SCTIR_PYTHON;
    else process.env.SCTIR_PYTHON = setUps;
    await rm(folder, { recursive: true });
  });

  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      const open = async (preload?: readonly string[]) => {
        const sandbox = await openSandbox({ isolation, size: 1, preload });
        opened.push(sandbox);
        return sandbox;
      };
      const print = async (preload: readonly string[], code: string) => {
        const { run } = await open(preload);
        const { stdout, stderr } = await run(code);
        return stdout.trim() || stderr.trim().split("\n").at(-1);
      };

      it.each([
        ["single", "import single, os\nprint(single.imported_by == os.getpid())"],
        ["family.parent", "import family.parent, os\nprint(family.parent.imported_by == os.getpid())"],
      ])("are imported once, before all programs: %s", async (name, code) => {
        expect(await print([name], code)).toBe("False");
        expect(await print([], code)).toBe("True");
      });

      it.each([
        ["no part that it has not imported", "import family\nprint(family.parent)"],
        ["nor one of another name", "import family.stranger\nprint(family.parent)"],
        ["the parts that an import brings", "import family.parent\nprint(family.child.age, family.cousin.name)"],
        [
          "a part of its own",
          "from family import child\nprint(child.age, child.__spec__.origin, type(child.__loader__))",
        ],
        ["what is in sys.modules", "import family.parent, sys\nprint(sorted(n for n in sys.modules if 'family' in n))"],
        ["nothing without an import", "print(family)"],
      ])("show a program what a fresh interpreter shows it: %s", async (_, code) => {
        expect(await print(["family.stranger", "family.parent"], code)).toBe(await print([], code));
      });

      it("may write what they like while they are imported", async () => {
        expect(await print(["noisy"], "import noisy\nprint('ok')")).toBe("ok");
      });

      it.each([
        ["is not installed", "pandas", /pandas \(ModuleNotFoundError: No module named 'pandas'\)/u],
        ["has a part that is not", "family.pandas", /family\.pandas \(ModuleNotFoundError/u],
        ["needs another", "needy", /needy \(ModuleNotFoundError: No module named 'nothing_of_that_name'\)/u],
        ["raises", "raising", /raising \(SystemExit: not on this machine\)/u],
      ])("end the start where one %s, with the way to install it", async (_, name, message) => {
        const { sandbox } = await open(["single", name]);
        await expect(sandbox.describe()).rejects.toMatchObject({
          name: "UserError",
          message: expect.stringMatching(message),
          hint: expect.stringContaining(`${process.env.SCTIR_PYTHON} -m pip install ${name.split(".")[0]}`),
          exitCode: exitCodes.unavailable,
        });
      });

      it("are named where one crashes the interpreter", async () => {
        const { sandbox } = await open(["single", "crashing"]);
        await expect(sandbox.describe()).rejects.toMatchObject({
          exitCode: exitCodes.unavailable,
          hint: expect.stringContaining("single, crashing"),
        });
      });

      it("may be missing where nobody named them: programs run, and a note says so", async () => {
        const { sandbox, run } = await open();
        const { notes, packages } = await sandbox.describe();
        expect(packages).toEqual({});
        expect(notes).toHaveLength(4);
        expect(notes).toContainEqual(expect.stringMatching(/^numpy .* -m pip install numpy`$/u));
        expect(await run("print(1)")).toMatchObject({ outcome: "ok" });
        expect(await run("import numpy")).toMatchObject({
          outcome: "error",
          stderr: expect.stringMatching(/\nModuleNotFoundError: No module named 'numpy'\n$/u),
        });
      });
    });
  }
});

describe.skipIf(!(await isAvailable("limits")))("a list of preloaded modules", () => {
  it("is no matter to what a program draws at random", async () => {
    const code = `
import random, numpy, sympy.core.random
print(random.random(), numpy.random.random(), sympy.core.random.random(), numpy.random.__spec__.loader.exec_module)`;
    const lists = [undefined, [], ["sympy"], ["numpy", "sympy.core.random"]];
    const drawn = await Promise.all(
      lists.map(async (preload) => {
        const { sandbox, run } = await openSandbox({ isolation: "limits", size: 1, preload });
        const { stdout } = await run(code, { seed: 5, timeoutSeconds: 60 });
        await sandbox.close();
        return stdout.replaceAll(/0x[0-9a-f]+/gu, "0x…");
      }),
    );
    expect(drawn[0]).toMatch(/^0\.\d+ 0\.\d+ 0\.\d+ <bound/u);
    expect(new Set(drawn).size).toBe(1);
  });

  it("is told with the versions of what they came from", async () => {
    const { sandbox } = await openSandbox({ isolation: "limits", size: 1, preload: ["numpy", "scipy.optimize"] });
    const { packages } = await sandbox.describe();
    await sandbox.close();
    expect(packages).toMatchObject({ numpy: expect.any(String), scipy: expect.any(String) });
  });
});
