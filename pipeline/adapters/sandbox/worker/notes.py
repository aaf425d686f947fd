"""What a session and its worker let each other know, in memory that the two share.

A pipe could not be closed before the blocks run, and blocks could close or fill it. They can reach this memory too, and
forge what they tell: their own figures and their own end. So the worker doubts it, and takes the first word only.
"""

from __future__ import annotations

import math
import mmap
import struct
import time
from typing import NamedTuple

from beginning import usage


class Task(NamedTuple):
    """A block that a session is to run."""

    number: int  # from 1, in its session
    seed: int
    seconds: float
    show_last_expression: bool
    interrupt: bool  # after `seconds`, by an exception


class End(NamedTuple):
    """How a block ended that its interpreter outlived."""

    has_ended: bool
    status: int
    interrupted: bool
    cpu_seconds: float
    peak_memory_bytes: int


class SessionNotes:
    TASK, TASK_AT = struct.Struct("QQd??"), 0
    START, START_AT = struct.Struct("ddQ"), 256
    END, END_AT = struct.Struct("?q?dQ"), 512
    MEMORY_ERROR_AT = 768

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, mmap.PAGESIZE)

    # ---- in the session

    def task(self) -> Task:
        return Task(*self.TASK.unpack_from(self.memory, self.TASK_AT))

    def on_start(self) -> None:
        self.START.pack_into(self.memory, self.START_AT, time.monotonic(), *usage())

    def on_memory_error(self) -> None:
        self.memory[self.MEMORY_ERROR_AT] = 1

    def on_end(self, status: int, interrupted: bool) -> None:
        self.END.pack_into(self.memory, self.END_AT, True, status, interrupted, *usage())

    # ---- in the worker

    def give(self, task: Task) -> None:
        self.memory[self.MEMORY_ERROR_AT] = 0
        self.START.pack_into(self.memory, self.START_AT, 0, 0, 0)
        self.END.pack_into(self.memory, self.END_AT, False, 0, False, 0, 0)
        self.TASK.pack_into(self.memory, self.TASK_AT, *task)

    def end(self) -> End:
        end = End(*self.END.unpack_from(self.memory, self.END_AT))
        return end if 0 <= end.cpu_seconds < math.inf else end._replace(cpu_seconds=0)

    def memory_error(self) -> bool:
        return self.memory[self.MEMORY_ERROR_AT] != 0


class BlockBeginning:
    """When a block began, like `Beginning` of a program. There is nothing to wait for: it has to be looked at."""

    reader = None
    earlier = 0.0

    def __init__(self, notes: SessionNotes) -> None:
        self.notes = notes
        self.forked = time.monotonic()
        self.program = 0.0
        self.cpu_seconds = 0.0
        self.peak_memory_bytes = 0

    def take(self) -> bool:
        moment, cpu_seconds, peak_memory_bytes = SessionNotes.START.unpack_from(self.notes.memory, SessionNotes.START_AT)
        if self.program or not moment:
            return False
        now = time.monotonic()
        self.program = moment if self.forked <= moment <= now else now
        self.cpu_seconds = cpu_seconds if 0 <= cpu_seconds < math.inf else 0
        self.peak_memory_bytes = peak_memory_bytes
        return False
