import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptPath } from "../../../pipeline/core/traceback.ts";
import { isAvailable, isolations, openSandbox, python, type SandboxUnderTest } from "./sandbox-under-test.ts";

/** Each of these is to do in the sandbox what `python program.py` does, to the last character. */
const programs: Record<string, string> = {
  "a value": "print(2**100, 0.1 + 0.2)",
  "no newline at the end": "import sys; sys.stdout.write('no newline')",
  "an exception through several functions": "def f(x):\n    return g(x) + 1\n\ndef g(x):\n    return 1 / x\n\nf(0)",
  "a suggestion": "value = 1\nprint(valeu)",
  "a suggestion for an attribute": "import math\nmath.sqr(2)",
  "a chain of exceptions": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no') from e",
  "an exception in a handler": "try:\n    1/0\nexcept ZeroDivisionError:\n    undefined",
  "a note": "e = ValueError('x')\nif hasattr(e, 'add_note'): e.add_note('look here')\nraise e",
  "several lines of text": "raise Exception('one\\ntwo')",
  "an exception of its own": "class Wrong(Exception):\n    pass\n\nraise Wrong('so')",
  "an exception without a text": "assert 1 == 2",
  "endless recursion": "def f(n):\n    return f(n + 1)\n\nf(0)",
  "mutual recursion": "def even(n):\n    return odd(n - 1)\n\ndef odd(n):\n    return even(n - 1)\n\neven(0)",
  "the depth of recursion":
    "def f(n):\n    try:\n        return f(n + 1)\n    except RecursionError:\n        return n\n\nprint(f(0))",
  "recursion in C": "x = []\nfor _ in range(100000):\n    x = [x]\nrepr(x)",
  "a syntax error": "x = = 1",
  "an open bracket": "print((1, 2)\nx = 3\n",
  "an open string": "print('abc\nx = 3\n",
  "an open triple quote": "x = 1\ny = '''abc\n",
  "an unexpected indent": "x = 1\n  y = 2\n",
  "a missing indent": "def f():\nreturn 1\n",
  "a dedent that matches nothing": "if True:\n        x = 1\n    y = 2\n",
  "mixed tabs and blanks": "if True:\n        x = 1\n\ty = 2\n",
  "return at the top": "x = 1\nreturn x\n",
  "an await outside": "x = 1\nawait x\n",
  "a statement wrapped in print": "print(for i in range(3): pass)",
  "a backslash at the end": "x = 1 + \\",
  "a character that does not belong": "x = 5 € 3",
  "a non-breaking space": "x =\u00a05",
  "a number with a letter": "x = 2x",
  "a leading zero": "x = 012",
  "an encoding comment": "# -*- coding: latin-1 -*-\nprint(len('é'))",
  "a byte order mark": "\ufeffprint(1)",
  "windows line ends": "x = 1\r\nprint(x)\r\n1/0\r\n",
  "text in other scripts": "print('π ≈ 3.14159, 素数, 🎲')",
  "a lone surrogate": "print('\\ud800')",
  "an integer too long to print": "print(10**5000)",
  "an integer too long to read": "int('1' * 5000)",
  exit: "print(1)\nexit()\nprint(2)",
  "exit with a number": "import sys\nsys.exit(3)",
  "exit with a text": "import sys\nsys.exit('not found')",
  "exit with a tuple": "raise SystemExit((1, 2))",
  "quit with zero": "quit(0)",
  "exit in a function with finally": "import sys\ntry:\n    sys.exit(2)\nfinally:\n    print('last')",
  "no input": "input('n? ')",
  "no input, read": "import sys\nprint(repr(sys.stdin.read()))",
  "something at exit": "import atexit\natexit.register(print, 'bye')\nprint('hello')",
  "an exception at exit": "import atexit\natexit.register(lambda: 1/0)",
  "a destructor at the end": "class A:\n    def __del__(self):\n        print('gone')\na = A()\nprint('here')",
  "a destructor in a cycle":
    "class A:\n    def __del__(self):\n        print('gone')\na = A()\na.a = a\ndel a\nprint('here')",
  "a hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1/0",
  "a hook that fails": "import sys\ndef hook(*a):\n    raise KeyError('hook')\nsys.excepthook = hook\n1/0",
  "a thread that goes on":
    "import threading, time\ndef f():\n    time.sleep(0.05)\n    print('late')\nthreading.Thread(target=f).start()\nprint('early')",
  "an exception in a thread":
    "import threading\ndef f():\n    1/0\nt = threading.Thread(target=f, name='T')\nt.start()\nt.join()",
  "a child process":
    "import os, sys\nsys.stdout.flush()\npid = os.fork()\nif pid == 0:\n    print('child')\n    sys.exit()\nos.waitpid(pid, 0)\nprint('parent')",
  "a closed stdout": "import sys\nprint('x')\nsys.stdout.close()",
  "a stdout of its own":
    "import io, sys\nsys.stdout = io.StringIO()\nprint('lost')\nsys.stderr.write('seen\\n')\nsys.exit(1)",
  "its globals":
    "print(sorted(globals()), __name__, __file__, __doc__, __spec__, __package__, type(__builtins__), type(__loader__))",
  "its docstring": "'''What it does.'''\nprint(__doc__)",
  "its main thread":
    "import os, threading\nmain = threading.main_thread()\nprint(main.native_id == threading.get_native_id() == os.getpid())\n" +
    "print(main is threading.current_thread(), main.ident == threading.get_ident(), threading.enumerate() == [main])",
  "its arguments and paths": "import sys, os\nprint(sys.argv, sys.path[0], os.getcwd(), sys.flags.dont_write_bytecode)",
  "its own source": "import inspect\ndef f():\n    return 1  # one\nprint(inspect.getsource(f), open(__file__).read())",
  "its main module": "import __main__, sys\nx = 1\nprint(__main__.x, sys.modules['__main__'] is __main__)",
  "its limits":
    "import sys\nprint(sys.get_int_max_str_digits(), sys.float_info.max)\nsys.setrecursionlimit(5000)\nprint(sys.getrecursionlimit())",
  "a future feature": "from __future__ import annotations\ndef f(x: undefined): pass\nprint(f.__annotations__)",
  "no future feature": "def f(x: int): pass\nprint(f.__annotations__)\ndef g(x: undefined): pass",
  "the order of a set": "print({'a', 'b', 'c', 'd', 'e'})",
  "a warning": "import warnings, sys\nwarnings.warn('old')\nsys.exit(1)",
  "a traceback it prints itself":
    "import traceback\ntry:\n    1/0\nexcept ZeroDivisionError:\n    print(traceback.format_exc())",
  "a group of exceptions": "raise ExceptionGroup('two', [ValueError(1), KeyError(2)])",
  "an escaped generator": "def g():\n    yield 1\n    raise ValueError('inside')\nprint(list(g()))",
  asyncio: "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 3\nprint(asyncio.run(f()))",
  "a data class and pickle":
    "import dataclasses, pickle\n@dataclasses.dataclass\nclass P:\n    x: int\nprint(pickle.loads(pickle.dumps(P(3))))",
  sympy: "from sympy import *\nx = symbols('x')\nprint(solve(x**2 - 5*x + 6, x), factorint(360), N(pi, 30))",
  "an exception inside sympy": "import sympy\nsympy.solve(sympy.Eq(1, 2), 3)",
  "a warning of numpy's": "import numpy as np, sys\nprint(np.array([1.0]) / 0)\nsys.exit(1)",
  "numpy and a shape": "import numpy as np\nnp.zeros((2, 3)) @ np.zeros((2, 3))",
  "an empty program": "",
};

describe.skipIf(!python)("a program in the sandbox", async () => {
  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      let sandbox: SandboxUnderTest;
      let folder: string;
      beforeAll(async () => {
        sandbox = await openSandbox({ isolation, size: 1 });
        folder = await mkdtemp(join(tmpdir(), "fresh-"));
      });
      afterAll(async () => {
        await sandbox.sandbox.close();
        await rm(folder, { recursive: true });
      });

      it.each(Object.entries(programs))("does what a fresh interpreter does: %s", async (_, code) => {
        const { outcome, stdout, stderr } = await sandbox.run(code);
        const withoutAddresses = stderr.replaceAll(/0x[0-9a-f]+/gu, "0x…");
        expect({ outcome, stdout, stderr: withoutAddresses }).toEqual(await runFresh(code, folder));
      });
    });
  }
});

async function runFresh(code: string, folder: string) {
  const path = join(folder, "program.py");
  await writeFile(path, code);
  const { exitCode, stdout, stderr } = await execa(python ?? "", [path], {
    cwd: folder,
    env: { LANG: "C.UTF-8", PYTHONHASHSEED: "0", PATH: "/usr/bin:/bin" },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    stripFinalNewline: false,
  });
  const moved = (text: string) => text.replaceAll(folder, dirname(scriptPath));
  return {
    outcome: exitCode === 0 ? "ok" : "error",
    stdout: moved(stdout),
    stderr: moved(stderr).replaceAll(/0x[0-9a-f]+/gu, "0x…"),
  };
}
