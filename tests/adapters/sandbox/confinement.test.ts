import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAvailable, isolations, openSandbox, python, type SandboxUnderTest } from "./sandbox-under-test.ts";

const repositoryFile = fileURLToPath(new URL("../../../package.json", import.meta.url));

describe.skipIf(!python)("a program in the Python sandbox", async () => {
  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      let { sandbox, run } = {} as SandboxUnderTest;
      let folder: string;
      let server: Server;
      beforeAll(async () => {
        process.env.SCTIR_TEST_SECRET = "a secret of ours";
        folder = await mkdtemp(join(tmpdir(), "private-"));
        await writeFile(join(folder, "file"), "private");
        server = createServer((socket) => socket.end("hello"));
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        ({ sandbox, run } = await openSandbox({ isolation, size: 1 }));
      });
      afterAll(async () => {
        await sandbox.close();
        server.close();
        await rm(folder, { recursive: true });
        delete process.env.SCTIR_TEST_SECRET;
      });

      /** Evaluates a Python expression: `true`, `false`, or the name of its exception. */
      const attempt = async (setup: string, expression: string) => {
        const code = `${setup}\ntry: print(bool(${expression}))\nexcept Exception as e: print(type(e).__name__)`;
        const { stdout, stderr } = await run(code);
        return stdout.trim() || stderr;
      };
      const refused = /^(?:PermissionError|FileNotFoundError|False)$/u;

      it("sees almost no environment, and no secret", async () => {
        const { stdout } = await run("import os; print(sorted(os.environ))");
        expect(stdout).toBe("['HOME', 'LANG', 'PATH', 'TMPDIR']\n");
        const names = "' '.join(open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') if p.isdigit())";
        expect(await attempt("import os", `'a secret of ours' in ${names}`)).toMatch(refused);
      });

      it("cannot read the repository, the home folder, and others' temporary files", async () => {
        for (const path of [repositoryFile, join(folder, "file"), join(homedir(), ".profile"), "/etc/passwd"]) {
          expect(await attempt("", `open(${JSON.stringify(path)}).read()`)).toMatch(refused);
        }
        expect(await attempt("import os", `os.listdir(${JSON.stringify(folder)})`)).toMatch(refused);
      });

      it("cannot write anywhere but to its own directory", async () => {
        const places = ["/", "/usr", "/usr/lib", "/tmp", "/dev", "/run/sctir", folder];
        for (const place of places) {
          const result = await attempt("", `open(${JSON.stringify(join(place, "sctir-was-here"))}, "w")`);
          expect(result).toMatch(/^(?:PermissionError|FileNotFoundError|OSError)$/u);
        }
        expect(await attempt("", "open('sctir-was-here', 'w')")).toBe("True");
        expect(await attempt("import tempfile", "tempfile.NamedTemporaryFile().write(b'x')")).toBe("True");
      });

      it("cannot change the libraries that the next program gets", async () => {
        const setup = "import json, os\nfolder = os.path.dirname(json.__file__)";
        expect(await attempt(setup, "open(folder + '/new.py', 'w')")).toMatch(/^(?:PermissionError|OSError)$/u);
      });

      it("reaches no network, not even this machine's", async () => {
        const address = server.address();
        const port = typeof address === "object" ? address?.port : 0;
        const setup = "import socket";
        const connect = `socket.create_connection(("127.0.0.1", ${port}), timeout=5)`;
        expect(await attempt(setup, connect)).toMatch(/^(?:PermissionError|ConnectionRefusedError|OSError)$/u);
        const send = `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))`;
        expect(await attempt(setup, send)).toMatch(/^(?:PermissionError|OSError)$/u);
      });

      it("cannot end its worker, nor any process of this machine", async () => {
        const setup = "import os, signal";
        const { stdout } = await run("import os; print(os.getppid())");
        for (const target of [stdout.trim(), "1", String(process.pid)]) {
          await attempt(setup, `os.kill(${target}, signal.SIGKILL)`);
          await attempt(setup, `os.kill(${target}, signal.SIGSTOP)`);
        }
        await attempt(setup, "os.kill(-1, signal.SIGTERM)");
        expect((await run("import os; print(os.getppid())")).stdout).toBe(stdout); // the same worker
      });

      it("cannot read its worker's memory", async () => {
        const memory = "open(f'/proc/{os.getppid()}/mem', 'rb')";
        expect(await attempt("import os", memory)).toMatch(refused);
      });

      it("has no privileges", async () => {
        expect(await attempt("import os", "os.setuid(0) or os.getuid()")).toMatch(/^(?:PermissionError|OSError)$/u);
        expect(await attempt("import os", "os.chroot('/')")).toBe("PermissionError");
      });

      it("has limits to the size of a file, to open files, and to processes", async () => {
        const { stdout } = await run(`
import os
try:
    with open("big", "wb") as file:
        for _ in range(1000): file.write(bytes(2**20))
except OSError as error: print("file", error.errno in (27, 28))
try: files = [open("/dev/null") for _ in range(5000)]
except OSError as error: print("open", error.errno == 24)
files = None
count = 0
try:
    while count < 5000:
        if os.fork() == 0: os.read(os.pipe()[0], 1)
        count += 1
except OSError as error: print("processes", error.errno == 11)`);
        expect(stdout).toBe("file True\nopen True\nprocesses True\n");
      });

      it.runIf(isolation === "bubblewrap")("may use processes as workers, and leaves no semaphore behind", async () => {
        const code = "import multiprocessing, os\nwith multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]))";
        expect(await run(code)).toMatchObject({ outcome: "ok", stdout: "[1, 2]\n" });
        await run("open('/dev/shm/left', 'w').write('x')");
        expect((await run("import os; print(os.listdir('/dev/shm'))")).stdout).toBe("[]\n");
      });

      it("may start processes of its own", async () => {
        const { stdout, stderr } = await run(`
import subprocess, sys
print(subprocess.run([sys.executable, "-c", "import numpy; print(numpy.ones(3).sum())"], capture_output=True, text=True).stdout)
print(subprocess.run("echo shell", shell=True, capture_output=True, text=True).stdout)`);
        expect(stdout + stderr).toBe("3.0\n\nshell\n\n");
      });
    });
  }
});
