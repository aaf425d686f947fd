import { constants, statSync } from "node:fs";
import { access } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { exitCodes, UserError } from "../../core/user-error.ts";
import { askProcess } from "./brief-process.ts";

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
  /** The same directories, to be told from others at the same path. */
  folders: readonly { path: string; identity: string | undefined }[];
  /** Whether it is the one that `npm run setup` makes. */
  isOwn: boolean;
}

const oldestVersion = [3, 10] as const;

/**
 * Throws a UserError (exit code 3) if the interpreter is not the one that was found: its folders were removed, or made
 * anew. Workers that live would go on, and their programs miss every module that is yet to be read.
 */
export function checkUnchanged({ executable, folders }: Pick<Interpreter, "executable" | "folders">): void {
  if (folders.every(({ path, identity }) => identityOf(path) === identity)) return;
  throw new UserError(`The Python at ${executable} was removed or made anew while programs ran with it.`, {
    hint: "Run `npm run setup` if it is gone. What has finished is kept: the same command goes on from there.",
    exitCode: exitCodes.unavailable,
  });
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

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
export async function findInterpreter(
  environment: NodeJS.ProcessEnv = process.env,
  patienceSeconds = 30,
): Promise<Interpreter> {
  const chosen = environment.SCTIR_PYTHON;
  if (chosen) {
    return inspect(
      chosen,
      false,
      patienceSeconds,
      "SCTIR_PYTHON names it: correct it, or unset it and run `npm run setup`.",
    );
  }

  const own = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
  const hint = "Run `npm run setup`, or let SCTIR_PYTHON name a Python that has numpy and sympy.";
  try {
    await access(own, constants.X_OK);
  } catch (cause) {
    throw new UserError(`There is no Python at ${own}.`, { hint, exitCode: exitCodes.unavailable, cause });
  }
  return inspect(own, true, patienceSeconds, hint);
}

async function inspect(python: string, isOwn: boolean, seconds: number, hint: string): Promise<Interpreter> {
  const { stdout, failure } = await askProcess(python, ["-I", "-c", inspection], { seconds });
  const unusable = (why: string) =>
    new UserError(`The Python at ${python} cannot be used: ${why}`, { hint, exitCode: exitCodes.unavailable });
  if (failure !== undefined) throw unusable(failure);
  const found = inspectionSchema.safeParse(parseJson(stdout));
  if (!found.success) throw unusable("it does not answer as a Python does.");
  const { executable, version, directories } = found.data;
  const [major, minor] = version;
  if (major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1])) {
    throw unusable(`it is version ${version.join(".")}, and ${oldestVersion.join(".")} is the oldest that will do.`);
  }
  const outer = outermost(directories);
  const folders = outer.map((path) => ({ path, identity: identityOf(path) }));
  return { executable, directories: outer, folders, isOwn };
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
