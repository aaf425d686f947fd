import { spawnSync } from "node:child_process";
import { isAtLeast } from "./platform.mjs";
import { SetupError } from "./setup-error.mjs";

/**
 * What a Python interpreter says of itself.
 *
 * @typedef {object} Interpreter
 * @property {string} command how it was called
 * @property {string} version such as 3.11.7
 * @property {string} implementation such as cpython
 * @property {string} executable the file that a virtual environment made from it would run
 * @property {string} start what to start to make one: not an interpreter that is itself in a virtual environment
 * @property {boolean} canMakeEnvironments false where the distribution has split off venv or ensurepip
 */

const oldest = "3.10";
const firstUntested = "3.15"; // requirements.txt has wheels for 3.10 to 3.14

/** Tried in this order. What `python3` means comes first: it is what the user expects. */
export const pythonCommands = [
  "python3",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.10",
  "python3.14",
  "python",
];

const question = `
import importlib.util as u, json, os, platform, sys
base = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({
    "version": platform.python_version(),
    "implementation": sys.implementation.name,
    "executable": os.path.realpath(base),
    "start": base if sys.prefix != sys.base_prefix else None,
    "canMakeEnvironments": bool(u.find_spec("venv") and u.find_spec("ensurepip")),
}))
`;

/**
 * Asks an interpreter about itself; undefined if there is none or it does not answer.
 *
 * @param {string} command
 * @returns {Interpreter | undefined}
 */
export function askPython(command) {
  const { status, stdout } = spawnSync(command, ["-c", question], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 20_000,
    env: environmentForPython(),
  });
  if (status !== 0) return undefined;
  try {
    const answer = JSON.parse(stdout);
    return { command, ...answer, start: answer.start ?? command };
  } catch {
    return undefined; // something else of that name
  }
}

/** This process's environment without what would make an interpreter import another one's packages. */
export function environmentForPython() {
  const environment = { ...process.env };
  for (const name of ["PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__"]) delete environment[name];
  return environment;
}

/**
 * The interpreter to make the virtual environment from: the one named by SCTIR_BASE_PYTHON, else the first suitable.
 *
 * @param {{named?: string | undefined, ask?: (command: string) => Interpreter | undefined}} options
 * @returns {Interpreter}
 */
export function findPython({ named, ask = askPython }) {
  if (named) {
    const python = ask(named);
    if (!python) {
      throw new SetupError(
        `SCTIR_BASE_PYTHON is ${named}, and no Python answers there.`,
        `Set it to an interpreter of version ${oldest} or newer, or unset it: then python3 is used.`,
      );
    }
    const objection = objectionTo(python);
    if (objection) {
      throw new SetupError(
        `SCTIR_BASE_PYTHON is ${named}, which ${objection}.`,
        python.canMakeEnvironments ? "Set it to another interpreter, or unset it." : howToGetVenv(python),
      );
    }
    return python;
  }

  const unsuitable = [];
  for (const command of pythonCommands) {
    const python = ask(command);
    if (!python) continue;
    if (!objectionTo(python)) return python;
    unsuitable.push(python);
  }
  const withoutVenv = unsuitable.find((python) => !python.canMakeEnvironments && !versionObjection(python));
  if (withoutVenv) {
    throw new SetupError(
      `${withoutVenv.command} (Python ${withoutVenv.version}) cannot make virtual environments.`,
      howToGetVenv(withoutVenv),
    );
  }
  const found = unsuitable.map((python) => `${python.command} ${objectionTo(python)}`).join("; ");
  throw new SetupError(
    `No Python from ${oldest} to before ${firstUntested} was found${found ? `: ${found}` : ""}.`,
    `sctir runs model-written Python with it. Looked on PATH for ${pythonCommands.join(", ")}.
  Debian, Ubuntu   sudo apt-get install python3 python3-venv
  Fedora           sudo dnf install python3
  macOS            brew install python@3.13
Where it is elsewhere: SCTIR_BASE_PYTHON=/path/to/python3 npm run setup`,
  );
}

/** @param {Interpreter} python */
export function howToGetVenv(python) {
  const [major, minor] = python.version.split(".");
  return `Its modules venv and ensurepip are a package of their own on Debian and Ubuntu:
  sudo apt-get install python3-venv        (or python${major}.${minor}-venv, for an interpreter that is not the system's)
Then run the same command again.`;
}

/**
 * Why an interpreter will not do, as the rest of a sentence; undefined if it will.
 *
 * @param {Interpreter} python
 */
function objectionTo(python) {
  return versionObjection(python) ?? (python.canMakeEnvironments ? undefined : "has no modules venv and ensurepip");
}

/** @param {Interpreter} python */
function versionObjection({ version, implementation }) {
  const number = version.replace(/[^0-9.].*$/u, ""); // 3.15.0rc1
  if (implementation !== "cpython") return `is ${implementation} ${version}, not CPython`;
  if (!isAtLeast(number, oldest)) return `is Python ${version}, older than ${oldest}`;
  if (isAtLeast(number, firstUntested)) return `is Python ${version}, which has no pinned packages yet`;
  return undefined;
}
