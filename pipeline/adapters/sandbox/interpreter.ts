import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";
import { exitCodes, UserError } from "../../core/user-error.ts";

const inspectionSchema = z.object({
  executable: z.string().min(1),
  version: z.tuple([z.number(), z.number()]),
  directories: z.array(z.string()),
});

/** A Python, and where its parts lie. */
export interface Interpreter {
  /** An absolute path; in a virtual environment, the one in there. */
  executable: string;
  /** Directories that hold the environment, the Python it is made from, and their libraries. */
  directories: readonly string[];
  /** Whether it is the one that `npm run setup` makes. */
  isOwn: boolean;
}

const oldestVersion = [3, 10] as const;

/** The way for programs to find another package. */
export function howToAdd(name: string, { executable, isOwn }: Pick<Interpreter, "executable" | "isOwn">): string {
  if (!isOwn) return `\`${executable} -m pip install ${name}\``;
  return `add ${name} to requirements.in, run the command at its top (it pins versions and hashes in requirements.txt), then \`npm run setup\``;
}

// A launcher may be a link into another tree (a version manager's), so names are taken as they stand and resolved.
const inspection = `
import json, os, sys, sysconfig
found = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
found += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
found += [os.path.realpath(path) for path in found]
print(json.dumps({"executable": sys.executable, "version": sys.version_info[:2], "directories": sorted(set(found))}))
`;

/**
 * The Python that runs the models' programs: SCTIR_PYTHON, else `.venv` in the project's own folder.
 *
 * Throws a UserError (exit code 3) that names the way out where there is none, or one that does not run.
 */
export async function findInterpreter(environment: NodeJS.ProcessEnv = process.env): Promise<Interpreter> {
  const chosen = environment.SCTIR_PYTHON;
  if (chosen) {
    return inspect(chosen, false, "SCTIR_PYTHON names it: correct it, or unset it and run `npm run setup`.");
  }

  const own = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
  const hint = "Run `npm run setup`, or let SCTIR_PYTHON name a Python that has numpy and sympy.";
  try {
    await access(own, constants.X_OK);
  } catch (cause) {
    throw new UserError(`There is no Python at ${own}.`, { hint, exitCode: exitCodes.unavailable, cause });
  }
  return inspect(own, true, hint);
}

async function inspect(python: string, isOwn: boolean, hint: string): Promise<Interpreter> {
  const result = await execa(python, ["-I", "-c", inspection], { reject: false, timeout: 30_000, stdin: "ignore" });
  const unusable = (why: string) =>
    new UserError(`The Python at ${python} cannot be used: ${why}`, { hint, exitCode: exitCodes.unavailable });
  if (result.failed) throw unusable(result.stderr.trim() || result.originalMessage || "it does not run.");
  const found = inspectionSchema.safeParse(parseJson(result.stdout));
  if (!found.success) throw unusable("it does not answer as a Python does.");
  const { executable, version, directories } = found.data;
  const [major, minor] = version;
  if (major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1])) {
    throw unusable(`it is version ${version.join(".")}, and ${oldestVersion.join(".")} is the oldest that will do.`);
  }
  return { executable, directories: outermost(directories), isOwn };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Without those that lie in another one. */
function outermost(directories: readonly string[]): string[] {
  return directories.filter(
    (directory) => !directories.some((other) => other !== directory && directory.startsWith(`${other}/`)),
  );
}
