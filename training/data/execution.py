"""Runs programs and writes back what sctir does under the profiles `tir` and `numina-tir`.

In this process, because the programs are the generator's own and rows are many; a test compares with sctir's sandbox.
Run it with the sandbox's Python (.venv), so that libraries and tracebacks are the ones a model will see.
"""

import contextlib
import io
import linecache
import sys
import traceback
from dataclasses import dataclass

PRELUDE = "import math\nimport numpy as np\nimport sympy as sp\n"
SCRIPT = "/tmp/sctir/program.py"
OUTPUT_CHARACTERS = 200
CUT = " ... (output truncated)"


@dataclass(frozen=True)
class Execution:
    ok: bool
    output: str


def run(program: str) -> Execution:
    """Runs a program in a namespace of its own. Its output or traceback is as a model is shown it."""
    source = (PRELUDE + program).strip()
    linecache.cache[SCRIPT] = (len(source), None, source.splitlines(keepends=True), SCRIPT)
    stdout, error = io.StringIO(), ""
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    try:
        with contextlib.redirect_stdout(stdout):
            exec(compile(source, SCRIPT, "exec"), {"__name__": "__main__"})
    except Exception:
        error = own_frames(traceback.format_exc())
    output = error or stdout.getvalue().strip()
    if len(output) > OUTPUT_CHARACTERS:
        output = output[:OUTPUT_CHARACTERS] + CUT
    return Execution(not error, output)


def own_frames(text: str) -> str:
    """The heading, the program's own source lines without place and function, and the exception."""
    lines = text.strip().split("\n")
    shown, wants_source = [], False
    for line in lines:
        if "Traceback" in line or line == lines[-1]:
            shown.append(line)
        elif SCRIPT in line:
            shown.append(line[: line.index('"/') + 1])
            wants_source = True
        elif wants_source:
            shown.append(line)
            wants_source = False
    return "\n".join(shown).strip()
