"""A fork of the worker that becomes a program's process: it lets go of all that is the worker's, and is confined."""

from __future__ import annotations

import _signal
import ctypes
import gc
import math
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from mmap import mmap
from typing import Callable, Union

import confinement
from beginning import Beginning
from channels import Output
from notes import BlockBeginning

PREPARATION_SECONDS = 20  # from the fork to the first line of a program; milliseconds unless the machine stalls
DESCRIPTORS = 256  # more are never open, in the worker and in a program
CHILD_FAILED = 70  # the worker's own code in the child raised: EX_SOFTWARE of sysexits.h


@dataclass
class Place:
    """Where a child works, and as whom."""

    directory: str
    user: int | None  # None: as the worker, but without root's rights
    keep_reading: bool
    leave_root: bool
    processes: int | None
    landlock: Callable[[], int] | None = None
    seccomp: Callable[[], bytes | None] = lambda: None


@dataclass
class Limits:
    memory_mebibytes: int
    seconds: float
    blocks: int = 1  # that share one process


@dataclass
class Child:
    pid: int
    beginning: Union[Beginning, BlockBeginning]
    directory: str
    stdout: Output
    stderr: Output

    def close(self) -> None:
        for descriptor in (self.stdout.descriptor, self.stderr.descriptor, self.beginning.reader):
            if descriptor is not None:
                os.close(descriptor)


def fork() -> int:
    """Like `os.fork`, which has handlers run that take as long as all the rest: they write to pages that were shared.

    They mend what other threads have left, where there are any. One seeds `random` anew, which is done for a program
    besides.
    """
    if sys.platform != "linux" or len(os.listdir("/proc/self/task")) > 1:
        return os.fork()
    pid = holding_interpreter.fork()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "fork")
    if pid == 0:
        threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    return pid


holding_interpreter = ctypes.PyDLL(None, use_errno=True)  # that does not let others run Python during a call


def start(
    place: Place,
    limits: Limits,
    beginning: Union[Beginning, BlockBeginning],
    foreign: list[mmap],
    run: Callable[[], int],
) -> Child:
    """Forks a child that runs something and ends with the status it returns. It holds no `foreign` memory."""
    read_stdout, write_stdout = os.pipe()
    read_stderr, write_stderr = os.pipe()
    pid = fork()
    if pid == 0:
        status = CHILD_FAILED
        try:
            for memory in foreign:
                memory.close()
            become_program(place, limits, beginning, write_stdout, write_stderr)
            status = run()
        except BaseException:
            traceback.print_exc()  # of ours: whatever the program raised has been reported
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(write_stdout)
    os.close(write_stderr)
    if isinstance(beginning, Beginning):
        os.close(beginning.writer)
    for descriptor in (read_stdout, read_stderr):
        os.set_blocking(descriptor, False)
    return Child(pid, beginning, place.directory, Output(read_stdout), Output(read_stderr))


def become_program(
    place: Place, limits: Limits, beginning: Union[Beginning, BlockBeginning], stdout: int, stderr: int
) -> None:
    signal.set_wakeup_fd(-1)
    # Not those of `signal`: what they do besides writes to a hundred pages that were shared.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    os.setsid()
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    if isinstance(beginning, Beginning):
        beginning.keep_at(DESCRIPTORS - 1)  # out of the way of the files that earlier blocks open
    os.chdir(place.directory)
    os.umask(0o022)
    cores = os.cpu_count() or 1
    cpu_seconds = math.ceil(2 * (limits.seconds + 1) * cores) + PREPARATION_SECONDS
    confinement.limit_resources(limits.memory_mebibytes, cpu_seconds * limits.blocks, place.processes)
    if place.landlock is not None:
        confinement.enter_landlock(place.landlock())
    if place.user is not None:
        confinement.leave_root(place.user, place.keep_reading)
    elif place.leave_root:
        confinement.leave_root(0, False)
    refused = place.seccomp()
    if refused is not None:
        confinement.enter_seccomp(refused)
    confinement.be_inspectable(True)
    confinement.die_with_parent(signal.SIGKILL)
    os.closerange(3, DESCRIPTORS - 1 if isinstance(beginning, Beginning) else DESCRIPTORS)
    gc.enable()
