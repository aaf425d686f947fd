"""Runs the blocks of a session one after the other in one interpreter, as a notebook does.

Each block ends as a program of its own would: with its exception printed, its threads awaited, its output flushed.
What differs: names, imports, the working directory and daemon threads stay; nothing registered with `atexit` runs;
`exit()` ends the block alone. Between blocks the process is stopped, its threads too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Any, Callable, NoReturn

import script
from notes import SessionNotes

# A block may put its own in the place of these.
own_id, send, leave, open_file = os.getpid, os.kill, os._exit, open
duplicate, set_handler, handler_of, set_timer = os.dup2, signal.signal, signal.getsignal, signal.setitimer


class TimeUp(BaseException):
    """A block that is run again has had the time that it had the first time."""


def block_path(directory: str, number: int) -> str:
    """Where a block stands while its session lives, so that tracebacks of later blocks find its lines."""
    return os.path.join(directory, f"earlier-{number}.py")


def run_blocks(directory: str, notes: SessionNotes) -> NoReturn:
    """Runs the block that the notes tell of, stops this process, and goes on with the next when it is continued."""
    process = own_id()
    path = os.path.join(directory, "program.py")
    names = script.new_main(path)
    kept_streams = os.dup(1), os.dup(2)
    while True:
        task = notes.task()
        standing_at = block_path(directory, task.number)
        with open_file(standing_at, "rb") as file:
            source = file.read()
        names["__file__"] = path
        script.seed_random(task.seed, source)

        def run() -> BaseException | None:
            notes.on_start()
            return script.execute(source, standing_at, task.show_last_expression, names)

        raised = interrupting(task.seconds, run) if task.interrupt else run()
        if isinstance(raised, MemoryError):
            notes.on_memory_error()
        interrupted = isinstance(raised, TimeUp)
        status = script.report(raised) if raised and not interrupted else 0
        raised = None  # nor does it keep what its frames hold
        status = finish_block(status)
        if own_id() != process:
            leave(status)  # a fork that the block has made
        restore_streams(kept_streams)
        notes.on_end(status, interrupted)
        while notes.task().number == task.number:  # something that the block has left may continue it
            send(process, signal.SIGSTOP)


def interrupting(seconds: float, run: Callable[[], BaseException | None]) -> BaseException | None:
    """Runs something for so long at most, unless it is stuck in C or catches everything."""

    def time_up(*_: object) -> None:
        raise TimeUp

    previous = set_handler(signal.SIGALRM, time_up)
    set_timer(signal.ITIMER_REAL, seconds)
    try:
        raised = run()
        set_timer(signal.ITIMER_REAL, 0)
    except TimeUp as late:
        raised = late
    if handler_of(signal.SIGALRM) is time_up:  # else the block has set one, which stays
        set_handler(signal.SIGALRM, previous or signal.SIG_DFL)
    return raised


def finish_block(status: int) -> int:
    """What an interpreter does at its end, as far as it can be done before that. Returns the exit status."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.main_thread():
            thread.join()
    set_timer(signal.ITIMER_REAL, 0)
    flushed = script.flush(sys.stdout) and script.flush(sys.__stdout__)
    script.flush(sys.stderr)
    ctypes.CDLL(None).fflush(None)
    return status if flushed else 120


def restore_streams(kept: tuple[int, int]) -> None:
    """A block may have redirected or closed them."""
    for number, descriptor in enumerate(kept, start=1):
        duplicate(descriptor, number)
    sys.stdout = sys.__stdout__ = usable(sys.__stdout__, 1)
    sys.stderr = sys.__stderr__ = usable(sys.__stderr__, 2)


def usable(stream: Any, descriptor: int) -> Any:
    if stream is not None and not stream.closed:
        return stream
    errors = "strict" if descriptor == 1 else "backslashreplace"
    return open_file(descriptor, "w", buffering=-1 if descriptor == 1 else 1, errors=errors, closefd=False)
