"""Runs a program as `python program.py` would, in a process that has its modules imported already.

What a reader of its output can tell apart from a fresh interpreter is a bug here, with these exceptions: the random
generators are seeded by the program's text and a seed that comes with it, so that a run can be repeated; the hash seed
is 0; code that looks at the call stack below its own module finds the worker's frames there, and the recursion limit is
higher by their number; a source with null characters or of an unknown encoding is refused in other words.
"""

from __future__ import annotations

import __future__
import ast
import atexit
import builtins
import ctypes
import gc
import importlib.machinery
import os
import resource
import signal
import sys
import threading
from types import CodeType, ModuleType, TracebackType
from typing import Any, Callable, Iterator

try:  # not OpenSSL's, which writes to many pages that were shared with the worker
    from _sha2 import sha256
except ImportError:
    from _sha256 import sha256  # before Python 3.12

FUTURE_FLAGS = 0
for feature in __future__.all_feature_names:
    FUTURE_FLAGS |= getattr(__future__, feature).compiler_flag

HERE = os.path.dirname(os.path.abspath(__file__))


class EarlierTimeUp(BaseException):
    """The earlier blocks have used the time they have in all."""


def new_main(path: str) -> dict[str, Any]:
    """The globals of a fresh `__main__` that stands at `path`."""
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    names = vars(main)
    names["__file__"] = path
    names["__loader__"] = importlib.machinery.SourceFileLoader("__main__", path)
    names["__builtins__"] = builtins
    names["__cached__"] = None
    names["__annotations__"] = {}
    if sys.version_info >= (3, 14):
        del names["__annotations__"], names["__cached__"]
    return names


def codes(source: bytes, path: str, show_last_expression: bool) -> Iterator[tuple[CodeType, bool]]:
    """What to execute, in order, and whether its value is to be shown. Raises SyntaxError, ValueError and so on."""
    if show_last_expression:
        module: Any = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        if module.body and isinstance(module.body[-1], ast.Expr):
            last = module.body.pop()
            start = compile(module, path, "exec", dont_inherit=True)
            flags = start.co_flags & FUTURE_FLAGS
            yield start, False
            yield compile(ast.Expression(last.value), path, "eval", flags, dont_inherit=True), True
            return
    yield compile(source, path, "exec", dont_inherit=True), False


def own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback from the program's first frame on."""
    while traceback and os.path.dirname(traceback.tb_frame.f_code.co_filename) == HERE:
        traceback = traceback.tb_next
    return traceback


def report(raised: BaseException) -> int:
    """Prints an exception as the interpreter does at its top level. Returns the exit status."""
    if isinstance(raised, SystemExit):
        return status_of_exit(raised.code)
    traceback = own_frames(raised.__traceback__)
    raised.__traceback__ = traceback
    sys.last_type, sys.last_value, sys.last_traceback = type(raised), raised, traceback
    if sys.version_info >= (3, 12):
        sys.last_exc = raised
    flush(sys.stdout)
    try:
        hook = sys.excepthook
    except AttributeError:
        print("sys.excepthook is missing", file=sys.stderr)
        hook = sys.__excepthook__
    try:
        hook(type(raised), raised, traceback)
    except SystemExit as exit_in_hook:
        return status_of_exit(exit_in_hook.code)
    except BaseException as failure:
        print("Error in sys.excepthook:", file=sys.stderr)
        failure.__traceback__ = own_frames(failure.__traceback__)
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(raised), raised, traceback)
    # The interpreter would end itself by SIGINT, which is a shell's way to say 130.
    return 130 if isinstance(raised, KeyboardInterrupt) else 1


def status_of_exit(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(2**63) <= code < 2**63 else 0xFF
    print(code, file=sys.stderr)
    return 1


def flush(stream: Any) -> bool:
    """Whether all that was written has gone out."""
    if stream is None or getattr(stream, "closed", False):
        return True
    try:
        stream.flush()
    except BaseException:
        return False
    return True


def finish(names: dict[str, Any], status: int) -> int:
    """What an interpreter does between a program's end and its own. Returns the exit status."""
    for end in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            end()
        except BaseException as raised:
            sys.__excepthook__(type(raised), raised, own_frames(raised.__traceback__))
    flushed = flush(sys.stdout)
    flush(sys.stderr)
    # Destructors still run, and may print: https://docs.python.org/3/reference/datamodel.html#object.__del__
    sys.last_type = sys.last_value = sys.last_traceback = None
    if sys.version_info >= (3, 12):
        sys.last_exc = None
    for private in (True, False):
        for name in [name for name in names if isinstance(name, str) and name.startswith("_") is private]:
            if name != "__builtins__":
                names[name] = None
    gc.collect()
    flushed = flush(sys.stdout) and flushed
    flush(sys.stderr)
    ctypes.CDLL(None).fflush(None)  # what C code has printed
    return status if flushed else 120


GENERATORS = ["random", "numpy.random", "sympy.core.random"]


def seed_random(seed: int, text: bytes) -> None:
    """A repeated program draws the same numbers, and the same text under another seed draws others.

    Without it, forks of one worker would all draw the same.
    """
    mixed = int.from_bytes(sha256(b"%d:%s" % (seed, text)).digest()[:4], "big")
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, SeedingImporter)]
    for name in GENERATORS:
        if name in sys.modules:
            sys.modules[name].seed(mixed)
        else:
            sys.meta_path.insert(0, SeedingImporter(name, mixed))  # type: ignore[arg-type]


class SeedingImporter:
    """Imports a module that was not imported before, and seeds it."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed

    def find_spec(self, name: str, path: Any = None, target: object = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self.name else None
        loader: Any = spec and spec.loader
        if loader:
            execute = loader.exec_module

            def execute_and_seed(module: Any) -> None:
                del loader.exec_module
                execute(module)
                module.seed(self.seed)

            loader.exec_module = execute_and_seed
        return spec


def run_earlier(earlier: list[str], names: dict[str, Any], seed: int, seconds: float) -> None:
    """Runs blocks for what they leave behind: no output, no exception gets out, `seconds` for all of them."""
    kept = os.dup(1), os.dup(2)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)

    def time_up(*_: object) -> None:
        raise EarlierTimeUp

    previous = signal.signal(signal.SIGALRM, time_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        for number, block in enumerate(earlier, start=1):
            path = os.path.join(os.path.dirname(names["__file__"]), f"earlier-{number}.py")
            source = block.encode()
            try:
                with open(path, "wb") as file:  # for the source lines in tracebacks
                    file.write(source)
                seed_random(seed, source)
                for code, _ in codes(source, path, show_last_expression=False):
                    exec(code, names)
            except EarlierTimeUp:
                raise
            except BaseException:
                pass
    except EarlierTimeUp:
        pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        os.dup2(devnull, number)  # a block may have closed it
        flush(stream)
    for number, descriptor in enumerate(kept, start=1):
        os.dup2(descriptor, number)
    for descriptor in (*kept, devnull):
        os.close(descriptor)


def run_script(
    source: bytes,
    path: str,
    earlier: list[str],
    show_last_expression: bool,
    seed: int,
    timeout_seconds: float,
    on_earlier: Callable[[], None],
    on_start: Callable[[], None],
    on_memory_error: Callable[[], None],
) -> int:
    """Runs the program that stands at `path`. Returns its exit status, with all output flushed."""
    names = new_main(path)
    if earlier:
        on_earlier()
        run_earlier(earlier, names, seed, timeout_seconds)
        names["__file__"] = path
    seed_random(seed, source)
    on_start()
    raised = execute(source, path, show_last_expression, names)
    if isinstance(raised, MemoryError):
        on_memory_error()
    return finish(names, report(raised) if raised else 0)


limit_with_room = 0


def execute(source: bytes, path: str, show_last_expression: bool, names: dict[str, Any]) -> BaseException | None:
    """Returns what the program raised, rather than to handle it here: a hook is to see no exception around its own."""
    # A program has as many frames to itself as in an interpreter of its own, also of a limit that an earlier block set.
    global limit_with_room
    if sys.getrecursionlimit() != limit_with_room:
        limit_with_room = sys.getrecursionlimit() + depth_here()
        sys.setrecursionlimit(limit_with_room)
    try:
        for code, shown in codes(source, path, show_last_expression):
            value = eval(code, names)
            if shown and value is not None:
                print(value)
    except BaseException as raised:
        return raised
    return None


def depth_here() -> int:
    """How much of the recursion limit stands below a program that the caller executes."""
    frame, depth = sys._getframe(1), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth + CALLS_IN_C


# Until 3.11 the call of `eval` counts like a frame; since then C has a limit of its own.
CALLS_IN_C = 1 if sys.version_info < (3, 12) else 0
