import { spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../", import.meta.url));

export interface ScriptRun {
  code: number | null;
  output: string; // stdout and stderr
}

/**
 * A copy of what the set-up needs, in a temporary folder, with an `npm` and a `python3` that install nothing and write
 * down what they were asked. FAKE_PIP_SECONDS, FAKE_PIP_FAILS and FAKE_VENV_FAILS change what they do.
 */
export class CheckoutCopy {
  readonly folder = mkdtempSync(join(tmpdir(), "sctir-checkout-"));
  readonly tools = join(this.folder, "tools");
  readonly #log = join(this.folder, "calls.log");

  constructor() {
    cpSync(join(project, "scripts"), join(this.folder, "scripts"), { recursive: true });
    for (const file of ["package.json", "package-lock.json", "requirements.txt"]) {
      cpSync(join(project, file), join(this.folder, file));
    }
    cpSync(join(project, "bin"), join(this.folder, "bin"), { recursive: true });
    this.addTool("npm", `mkdir -p node_modules/.bin && ln -sf "${process.execPath}" node_modules/.bin/node`);
    this.addTool("python3", fakePython);
  }

  addTool(name: string, script: string): void {
    mkdirSync(this.tools, { recursive: true });
    const file = join(this.tools, name);
    writeFileSync(file, `#!/bin/sh\necho "\${0##*/} $1 $2" >> "${this.#log}"\nPATH=/usr/bin:/bin\n${script}\n`);
    chmodSync(file, 0o755);
  }

  /** Starts a script of the copy; `environment` is all it has beside PATH, where only the fake tools are. */
  start(script: string, environment: Record<string, string> = {}) {
    const child = spawn(process.execPath, [join(this.folder, "scripts", script)], {
      cwd: this.folder,
      env: { HOME: this.folder, PATH: this.tools, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const run = new Promise<ScriptRun>((resolve, reject) => {
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text;
        });
      }
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, output }));
    });
    return { child, run };
  }

  async run(script: string, environment?: Record<string, string>): Promise<ScriptRun> {
    return this.start(script, environment).run;
  }

  /** The calls of the fake tools since `takeInstalls`, one a line. */
  calls(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8") : "";
  }

  /** What the fake tools were asked to install since the last call of this: `npm ci`, `venv`, `pip`, `compileall`. */
  takeInstalls(): string[] {
    const installs = [...this.calls().matchAll(/^(?:python3? -m (?<module>\w+)|npm ci)/gmu)];
    rmSync(this.#log, { force: true });
    return installs.map(({ groups }) => groups?.module ?? "npm ci");
  }

  has(file: string): boolean {
    return existsSync(join(this.folder, file));
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const fakePython = `
case "$*" in
  *"-m venv "*)
    [ -z "$FAKE_VENV_FAILS" ] || { echo "ensurepip is not available"; exit 1; }
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *"-m pip "*)
    sleep "\${FAKE_PIP_SECONDS:-0}"
    [ -z "$FAKE_PIP_FAILS" ] || { echo "the index is not to be reached"; exit 1; } ;;
  *"-m compileall "*) ;;
  *json.dumps*)
    echo '{"version": "3.12.1", "implementation": "cpython", "executable": "/fake/python3.12", "start": null, "canMakeEnvironments": true}' ;;
  *python_version*) echo 3.12.1 ;;
esac`;
