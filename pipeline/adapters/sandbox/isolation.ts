import { lstatSync, readlinkSync } from "node:fs";
import { chmod, mkdir, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Isolation } from "../../artifacts/manifest.ts";
import { scriptPath } from "../../core/traceback.ts";
import { exitCodes, UserError } from "../../core/user-error.ts";
import type { Interpreter } from "./interpreter.ts";
import { endLeftovers } from "./leftover-processes.ts";

/** How to start a worker, and what to remove when it has ended. */
export interface Launch {
  file: string;
  arguments: string[];
  /** Nothing of our own environment: it may hold keys. */
  environment: Record<string, string>;
  interpreter: Interpreter;
  /** Modules to import before all else; undefined: the usual libraries, those that are there. */
  preload: readonly string[] | undefined;
  cleanUp(): Promise<void>;
}

export interface ConfinementOptions {
  isolation: "auto" | "bubblewrap" | "limits";
  allowUnsafe: boolean;
  preload?: readonly string[] | undefined;
}

/** A way to keep programs from the rest of the machine. */
export interface Confinement {
  isolation: Isolation;
  interpreter: Interpreter;
  /** Workers are numbered from 0. Each may have so many sessions. */
  launch(worker: number, sessions: number): Promise<Launch>;
}

const workerDirectory = fileURLToPath(new URL("./worker", import.meta.url));
const scriptDirectory = dirname(scriptPath);
const sessionsDirectory = `${scriptDirectory}-sessions`;
const scratchBytes = 128 * 2 ** 20;
const systemDirectories = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
const systemFiles = ["/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"];

/**
 * The best confinement that works here, or the one asked for.
 *
 * Throws a UserError (exit code 3) where that one does not work; where none does, unless `allowUnsafe` is given.
 */
export async function findConfinement(
  interpreter: Interpreter,
  { isolation, allowUnsafe, preload }: ConfinementOptions,
): Promise<Confinement> {
  if (isolation !== "limits") {
    const bubblewrap = await findBubblewrap(interpreter, preload);
    if (bubblewrap) return bubblewrap;
    if (isolation === "bubblewrap") {
      throw new UserError("bubblewrap does not work here.", {
        hint: "Install it (apt-get install bubblewrap) and try `bwrap --ro-bind / / true`, or choose other isolation.",
        exitCode: exitCodes.unavailable,
      });
    }
  }
  if (await kernelConfines(interpreter)) return withoutNamespace("limits", interpreter, preload);
  if (allowUnsafe) return withoutNamespace("none", interpreter, preload);
  throw new UserError("Nothing here keeps model-written Python from your files and network.", {
    hint: "Install bubblewrap, or use a kernel with Landlock (5.13 or newer). --unsafe-python runs it all the same.",
    exitCode: exitCodes.unavailable,
  });
}

// ---- bubblewrap

/** The first that works of: a scratch directory of bounded size, and one without bound (bubblewrap before 0.5). */
async function findBubblewrap(
  interpreter: Interpreter,
  preload: ConfinementOptions["preload"],
): Promise<Confinement | undefined> {
  const firstUser = pickFirstUser();
  for (const bounded of [true, false]) {
    const prefix = bubblewrapArguments(interpreter, bounded);
    const command = [...prefix, interpreter.executable, "-I", "-c", "pass"];
    const trial = await execa("bwrap", command, { reject: false, timeout: 30_000, stdin: "ignore" });
    if (trial.exitCode !== 0) continue;
    return {
      isolation: "bubblewrap",
      interpreter,
      launch: async (worker, sessions) => ({
        file: "bwrap",
        arguments: [
          ...[...prefix, interpreter.executable, "/run/sctir/worker.py"],
          ...[scriptDirectory, scriptDirectory, "bubblewrap", ...userOption(firstUser, worker, sessions)],
          ...["--sessions", String(sessions), "--sessions-directory", sessionsDirectory],
          ...["--readable", ...interpreter.directories],
          ...preloadOption(preload),
        ],
        interpreter,
        preload,
        environment: { PATH: process.env.PATH ?? "/usr/bin:/bin" }, // for bwrap itself, which clears it
        cleanUp: async () => {},
      }),
    };
  }
  return undefined;
}

/**
 * A root directory of nothing but the interpreter, read-only; one directory to write; no network, no other process.
 *
 * The worker is the first process in there: no program can signal it, and when it ends all others do.
 */
function bubblewrapArguments({ directories }: Interpreter, bounded: boolean): string[] {
  const isRoot = process.geteuid?.() === 0;
  const ours = directories.filter((path) => path !== "/usr" && !path.startsWith("/usr/"));
  const tmpfs = (path: string) => [...(bounded ? ["--size", String(scratchBytes)] : []), "--tmpfs", path];
  return [
    ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    // Root needs no user namespace (some machines refuse one). It keeps what it takes to become somebody else in a
    // program's process, to see how much memory it has, to end it, and to give it files and remove them.
    ...(isRoot
      ? [
          ...["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"],
          ...["--cap-add", "CAP_KILL", "--cap-add", "CAP_DAC_OVERRIDE"],
          ...["--cap-add", "CAP_FOWNER", "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_SYS_PTRACE"],
        ]
      : ["--unshare-user"]),
    ...["--as-pid-1", "--die-with-parent", "--new-session", "--clearenv"],
    ...Object.entries(workerEnvironment(scriptDirectory)).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--ro-bind", "/usr", "/usr"],
    ...systemDirectories.flatMap(bindOrLink),
    ...systemFiles.flatMap((path) => ["--ro-bind-try", path, path]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...tmpfs("/dev/shm"),
    ...tmpfs(scriptDirectory),
    ...tmpfs(sessionsDirectory),
    ...ours.flatMap(ancestors).flatMap((path) => ["--dir", path]), // else root's home keeps others out here too
    ...ours.flatMap((path) => ["--ro-bind-try", path, path]),
    ...["--ro-bind", workerDirectory, "/run/sctir"],
    ...["--remount-ro", "/", "--remount-ro", "/dev"], // neither is emptied after a program
    ...["--chdir", scriptDirectory],
  ];
}

/** The directories above a path, from the top, without the root. */
function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === "/" ? [] : [...ancestors(above), above];
}

/** /lib and its like are links into /usr on most systems, and directories on some. */
function bindOrLink(path: string): string[] {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status?.isSymbolicLink()) return ["--symlink", readlinkSync(path), path];
  return status?.isDirectory() ? ["--ro-bind", path, path] : [];
}

// ---- without bubblewrap

async function kernelConfines(interpreter: Interpreter): Promise<boolean> {
  const program = `
import confinement, system_calls
print(confinement.landlock_version() > 0 and system_calls.system_call_filter() is not None)`;
  const trial = await execa(interpreter.executable, ["-B", "-c", program], {
    cwd: workerDirectory,
    reject: false,
    timeout: 30_000,
    stdin: "ignore",
  });
  return trial.stdout === "True";
}

function withoutNamespace(
  isolation: "limits" | "none",
  interpreter: Interpreter,
  preload: ConfinementOptions["preload"],
): Confinement {
  const readable = ["/usr", ...systemDirectories, ...systemFiles, ...interpreter.directories];
  const firstUser = pickFirstUser();
  return {
    isolation,
    interpreter,
    async launch(worker, sessions) {
      const folder = await mkdtemp(join(await realpath(tmpdir()), "sctir-"));
      if (process.geteuid?.() === 0) await chmod(folder, 0o711); // programs have other users
      const scratch = join(folder, basename(scriptDirectory));
      await mkdir(scratch, 0o700);
      return {
        file: interpreter.executable,
        arguments: [
          ...[
            join(workerDirectory, "worker.py"),
            scriptDirectory,
            scratch,
            isolation,
            ...userOption(firstUser, worker, sessions),
          ],
          ...["--sessions", String(sessions), "--sessions-directory", join(folder, "sessions")],
          ...["--readable", ...readable],
          ...preloadOption(preload),
        ],
        interpreter,
        preload,
        environment: workerEnvironment(scratch),
        async cleanUp() {
          await endLeftovers(folder);
          // Not Node's own: a program may have made a tree that is deeper than a path may be long.
          await execa("rm", ["-rf", "--", folder], { reject: false, stdin: "ignore" });
        },
      };
    },
  };
}

// ---- both

function preloadOption(preload: ConfinementOptions["preload"]): string[] {
  return preload === undefined ? [] : ["--preload", ...preload];
}

function workerEnvironment(scratch: string): Record<string, string> {
  return {
    ...{ HOME: scratch, LANG: "C.UTF-8", PATH: "/usr/bin:/bin", TMPDIR: scratch },
    // For the worker alone; programs do not see them.
    ...{ PYTHONHASHSEED: "0", PYTHONNOUSERSITE: "1" },
    ...{ OPENBLAS_NUM_THREADS: "1", OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1" },
  };
}

// Each worker of root's has a user of its own, so that the limit on a user's processes is one on its programs', and so
// has each of its sessions: the next ones. The range is the one systemd lends to services for a while:
// https://systemd.io/UIDS-GIDS/
const users = { first: 61184, count: 4336 };

/** Of a pool: two that share a user would share its limits. */
function pickFirstUser(): number {
  return Math.floor(Math.random() * users.count);
}

/** How many sessions each of so many workers can have at most, all with users of their own. */
export function sessionsPerWorker(workers: number): number {
  return Math.max(1, Math.min(100, Math.floor(users.count / (workers + 1)) - 1)); // two open files each
}

function userOption(firstUser: number, worker: number, sessions: number): string[] {
  if (process.geteuid?.() !== 0) return [];
  return ["--user", String(users.first + ((firstUser + worker * (sessions + 1)) % (users.count - sessions)))];
}
