"""Imports the mathematical libraries once, for all programs, without a trace in those that do not ask for them."""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# What programs import themselves.
PRELOADED = """
    math cmath random statistics fractions decimal itertools functools collections operator heapq bisect string re copy
    datetime time json typing dataclasses traceback warnings sympy mpmath numpy numpy.random numpy.linalg numpy.fft
    numpy.polynomial scipy gmpy2 networkx
""".split()

# What sympy imports when one of its functions is first called: a third of a second for `solve`.
LATER = """
    sympy.physics.units sympy.physics.matrices sympy.combinatorics sympy.codegen.ast sympy.tensor.tensor
    sympy.integrals.risch sympy.integrals.heurisch sympy.integrals.manualintegrate sympy.sets.setexpr
    sympy.sets.handlers.functions sympy.sets.handlers.issubset sympy.assumptions.wrapper
""".split()


class Shelf:
    """Keeps modules that are imported but not in use: a program gets one at once when it imports it, and until then
    finds as little of it as in a fresh interpreter (`sympy.physics` is no attribute of a sympy just imported).

    An importer: https://docs.python.org/3/reference/import.html#the-meta-path
    """

    def __init__(self, names: set[str]) -> None:
        self.modules: dict[str, ModuleType] = {name: sys.modules.pop(name) for name in names}
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
        state: dict[str, Any] = module.__spec__.loader_state
        for name in set(vars(module)) - set(state):
            delattr(module, name)
        vars(module).update(state)


def preload() -> None:
    import_all(PRELOADED)
    before = set(sys.modules)
    import_all(LATER)
    sys.meta_path.insert(0, Shelf(set(sys.modules) - before))  # type: ignore[arg-type]
    gc.collect()
    gc.freeze()  # a program's collections neither visit nor copy what all share
    join_pages()


def import_all(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            pass


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
