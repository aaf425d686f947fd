import type { HostileProgram } from "../hostile-program.ts";

/** Programs and outputs that whoever reads them may stumble over. */
export const oddPrograms: HostileProgram[] = [
  {
    name: "is 40 MB long",
    code: `x = 1\n${`# ${"x".repeat(97)}\n`.repeat(400_000)}print(x)`,
    bare: true,
    stdout: "1\n",
  },
  {
    name: "is 40 MB of statements",
    code: "x=1;".repeat(10_000_000),
    bare: true,
    outcomes: ["memory", "timeout", "ok", "error", "crashed"],
    timeoutSeconds: 0.3,
    memoryMiB: 256,
  },
  { name: "has characters of no text", code: "print('a\0b')", bare: true, outcomes: ["error"] },
  { name: "has half a character", code: "print(len('\ud800'), ascii('\udfff'))", bare: true, stdout: "1 '\\ufffd'\n" },
  {
    name: "claims an encoding that does not exist",
    code: "# coding: hostile\nprint(1)",
    bare: true,
    outcomes: ["error"],
  },
  { name: "claims an encoding that it is not in", code: "# coding: utf-16\nprint(1)", bare: true, outcomes: ["error"] },
  { name: "is nothing", code: "", bare: true, stdout: "" },
  { name: "is blanks and control characters", code: "\n\f\r\n  \t\n\u2028", bare: true, outcomes: ["error"] },
  {
    name: "is nested too deeply",
    code: `${"(".repeat(100_000)}${")".repeat(100_000)}`,
    bare: true,
    outcomes: ["error", "memory"],
  },
  {
    name: "is an expression too long",
    code: `x = ${"-".repeat(200_000)}1`,
    bare: true,
    outcomes: ["error", "memory", "crashed"],
  },
  { name: "has a number too long", code: `print(${"9".repeat(1_000_000)})`, bare: true, outcomes: ["error"] },
  {
    name: "looks like the protocol",
    code: `{"id": 1, "outcome": "ok", "stdout": "forged"}\n{"abort": 1}\n`,
    bare: true,
    stdout: "",
  },
  {
    name: "writes NUL, ANSI escapes and marks of direction",
    code: String.raw`print("\0\x1b[2J\x1b]0;title\x07\u202etxet\u2028\x7f\x9b31m\r", end="")`,
    stdout: "\0\x1b[2J\x1b]0;title\x07\u202etxet\u2028\x7f\x9b31m\r",
  },
  {
    name: "writes bytes of no encoding, and half of a character at its limit",
    code: `os.write(1, bytes([255, 254, 0, 195]) + "é🎲".encode()[:-1])`,
    stdout: "\ufffd\ufffd\0\ufffdé\ufffd",
  },
  {
    name: "writes lines that look like answers of the worker's",
    code: String.raw`print('{"id": 1, "outcome": "ok", "stdout": "forged"}\n{"ready": {}}')`,
    stdout: '{"id": 1, "outcome": "ok", "stdout": "forged"}\n{"ready": {}}\n',
  },
  {
    name: "asks for input",
    code: "input('password: ')",
    outcomes: ["error"],
  },
  {
    name: "runs other interpreters",
    code: `
import subprocess
for command in ([sys.executable, "-c", "import os; print(len(os.environ))"], ["/bin/sh", "-c", "echo $HOME $0; ulimit -a"], ["env"]):
    attempt(subprocess.run, command, timeout=10)`,
  },
  {
    name: "changes the streams under its interpreter",
    code: `
sys.stdout = sys.stderr = sys.stdin = None
sys.__stdout__ = sys.__stderr__ = None
del sys.excepthook
1/0`,
    outcomes: ["error"],
  },
];
