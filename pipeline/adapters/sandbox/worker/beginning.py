"""When a program began, as the worker comes to know it."""

from __future__ import annotations

import math
import os
import resource
import struct
import sys
import time


class Beginning:
    """When a program began, and what its process had used by then.

    The child tells it by a pipe that it closes before the program's own code runs: memory that they shared would be
    the program's to write to, and so would the deadline. Earlier blocks still have the pipe, so what comes is doubted,
    and only the first word counts.
    """

    RECORD = struct.Struct("=?ddQ")

    def __init__(self) -> None:
        self.forked = time.monotonic()
        self.earlier = 0.0  # when the earlier blocks and the program began, in monotonic seconds; 0 for not yet
        self.program = 0.0
        self.cpu_seconds = 0.0
        self.peak_memory_bytes = 0
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    # ---- in the child

    def keep_at(self, descriptor: int) -> None:
        os.dup2(self.writer, descriptor, inheritable=False)
        self.writer = descriptor

    def tell_earlier(self) -> None:
        os.write(self.writer, self.RECORD.pack(False, time.monotonic(), 0, 0))

    def tell_program(self) -> None:
        os.write(self.writer, self.RECORD.pack(True, time.monotonic(), *usage()))
        os.close(self.writer)

    # ---- in the worker

    def take(self) -> bool:
        """Takes one thing the child has told, if there is one."""
        try:
            data = os.read(self.reader, self.RECORD.size)
        except BlockingIOError:
            return False
        now = time.monotonic()
        if len(data) < self.RECORD.size:
            return False
        is_program, moment, cpu_seconds, peak_memory_bytes = self.RECORD.unpack(data)
        moment = moment if self.forked <= moment <= now else now
        if not is_program:
            self.earlier = self.earlier or moment
        elif not self.program:
            self.program = moment
            self.cpu_seconds = cpu_seconds if 0 <= cpu_seconds < math.inf else 0
            self.peak_memory_bytes = peak_memory_bytes
        return True


def usage() -> tuple[float, int]:
    """CPU seconds of this process and what it has waited for, and its peak memory in bytes."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    unit = 1 if sys.platform == "darwin" else 1024
    return sum(each.ru_utime + each.ru_stime for each in usages), usages[0].ru_maxrss * unit
