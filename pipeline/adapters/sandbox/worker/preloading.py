"""Imports libraries once, for all programs, without a trace in those that do not ask for them."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import importlib
import importlib.metadata
import importlib.util
import sys
import traceback
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Iterable, Iterator

# What programs import themselves.
STANDARD = """
    math cmath random statistics fractions decimal itertools functools collections operator heapq bisect string re copy
    datetime time json typing dataclasses traceback warnings
""".split()

# Unless a run names others. The last two are no part of the set-up.
LIBRARIES = ["sympy", "mpmath", "numpy", "scipy", "gmpy2", "networkx"]
OPTIONAL = {"gmpy2", "networkx"}

# What these libraries import when one of their functions is first called: a third of a second for sympy's `solve`.
# numpy's are attributes of it all the same.
AT_ONCE = {"numpy": ["numpy.random", "numpy.linalg", "numpy.fft", "numpy.polynomial"]}
LATER = {
    "sympy": """
        sympy.physics.units sympy.physics.matrices sympy.combinatorics sympy.codegen.ast sympy.tensor.tensor
        sympy.integrals.risch sympy.integrals.heurisch sympy.integrals.manualintegrate sympy.sets.setexpr
        sympy.sets.handlers.functions sympy.sets.handlers.issubset sympy.assumptions.wrapper
    """.split()
}


class Shelf:
    """Keeps modules that are imported but not in use: a program gets one at once when it imports it, and until then
    finds as little of it as in a fresh interpreter (`sympy.physics` is no attribute of a sympy just imported).

    An importer: https://docs.python.org/3/reference/import.html#the-meta-path
    """

    def __init__(self, names: set[str], imports: dict[str, list[str]]) -> None:
        self.modules: dict[str, ModuleType] = {name: sys.modules.pop(name) for name in names}
        # Those on the shelf that one's own import statements ask for.
        self.imports = {name: [other for other in imports.get(name, []) if other in names] for name in names}
        for name, module in self.modules.items():
            parent, _, last = name.rpartition(".")
            # One that is on the shelf itself keeps its parts.
            if parent in sys.modules and getattr(sys.modules[parent], last, None) is module:
                delattr(sys.modules[parent], last)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name in self.modules else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = self.modules.pop(spec.name)
        spec.loader_state = dict(vars(module))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has been executed. Puts back what the import has just written into it: spec, loader and such."""
        assert module.__spec__
        name = module.__spec__.name
        state: dict[str, Any] = module.__spec__.loader_state
        for attribute in set(vars(module)) - set(state):
            delattr(module, attribute)
        vars(module).update(state)
        for other in self.imports.pop(name):
            importlib.import_module(other)


def preload(names: list[str] | None) -> dict[str, str]:
    """Imports these modules, or the default ones. Returns those that could not be imported, and why.

    A package stays imported, for programs that import it to find. What lies deeper goes on the shelf.
    """
    wanted = LIBRARIES if names is None else names
    packages = {name.partition(".")[0]: None for name in wanted}
    import_all(STANDARD)
    import_all(packages)
    import_all(part for package in packages for part in AT_ONCE.get(package, []))
    before = set(sys.modules)
    with recorded_imports() as imports:
        failures = import_all(wanted)
        import_all(part for package in packages for part in LATER.get(package, []))
    sys.meta_path.insert(0, Shelf(set(sys.modules) - before, imports))  # type: ignore[arg-type]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()  # what a library has said is for no program to print
    ctypes.CDLL(None).fflush(None)
    gc.collect()
    gc.freeze()  # a program's collections neither visit nor copy what all share
    join_pages()
    return failures if names is not None else {name: failures[name] for name in set(failures) - OPTIONAL}


def import_all(names: Iterable[str]) -> dict[str, str]:
    """Whatever an import raises is data: a broken library may raise anything."""
    failures = {}
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as raised:
            failures[name] = traceback.format_exception_only(type(raised), raised)[-1].strip()
    return failures


@contextlib.contextmanager
def recorded_imports() -> Iterator[dict[str, list[str]]]:
    """By module, what its import statements have asked for: modules, and names in them that need not be modules."""
    imports: dict[str, list[str]] = {}
    import_now = builtins.__import__

    def record(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        imported = import_now(name, globals, locals, fromlist, level)
        scope = globals or {}
        full = importlib.util.resolve_name("." * level + name, scope.get("__package__")) if level else name
        imports.setdefault(scope.get("__name__", ""), []).extend([full, *(f"{full}.{part}" for part in fromlist or ())])
        return imported

    builtins.__import__ = record
    try:
        yield imports
    finally:
        builtins.__import__ = import_now


def versions(names: Iterable[str]) -> dict[str, str]:
    """By distribution, of those that these modules came with: most bear the same name; scikit-learn brings sklearn."""
    found = {}
    for package in {name.partition(".")[0]: None for name in names}:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            if package in sys.modules and package not in sys.stdlib_module_names:
                for distribution in importlib.metadata.packages_distributions().get(package, []):
                    found[distribution] = importlib.metadata.version(distribution)
    return found


MADV_COLLAPSE = 25  # since Linux 6.1: https://man7.org/linux/man-pages/man2/madvise.2.html


def join_pages() -> None:
    """Makes large pages of the memory so far, where the kernel can: a fork has fewer to list, and its end to give back.

    Without it a small program costs a third more processor time.
    """
    try:
        with open("/proc/self/maps") as file:
            mappings = [line.split() for line in file]
    except OSError:
        return  # not Linux
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for span, permissions, _, _, inode, *_ in mappings:
        if permissions == "rw-p" and inode == "0":
            start, end = (int(address, 16) for address in span.split("-"))
            advise(start, end - start, MADV_COLLAPSE)
