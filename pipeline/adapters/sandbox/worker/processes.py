"""Ends everything a program has started, whatever it did to stay."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NamedTuple


class Used(NamedTuple):
    """What ended processes have used."""

    cpu_seconds: float
    peak_memory_bytes: int  # of the largest

    def __add__(self, other: Used) -> Used:  # type: ignore[override]
        return Used(
            self.cpu_seconds + other.cpu_seconds, max(self.peak_memory_bytes, other.peak_memory_bytes)
        )


NOTHING = Used(0, 0)
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def reap(block: bool = False, or_stopped: bool = False) -> tuple[int, int, Used] | None:
    """Collects one ended child: its id, wait status and use. None if none has ended; ChildProcessError if none is left.

    `or_stopped`: a stopped one too, once, which has used nothing yet.
    """
    pid, status, usage = os.wait4(-1, (0 if block else os.WNOHANG) | (os.WUNTRACED if or_stopped else 0))
    if pid == 0:
        return None
    if os.WIFSTOPPED(status):
        return pid, status, NOTHING
    return pid, status, Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MAXRSS_UNIT)


def end_namespace() -> Used:
    """For the first process of a pid namespace: ends everything else in it."""
    used = NOTHING
    while True:
        try:
            os.kill(-1, signal.SIGKILL)  # atomic in the kernel: no fork gets away
        except ProcessLookupError:
            pass
        try:
            ended = reap(block=True)
        except ChildProcessError:
            return used
        used += ended[2] if ended else NOTHING


def end_descendants(session: int) -> Used:
    """For a subreaper: ends all descendants. Without /proc only the given session's process group can be found."""
    used, killed = NOTHING, set()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            while ended := reap():
                used += ended[2]
                killed.discard(ended[0])
        except ChildProcessError:
            return used
        if os.path.isdir("/proc/self"):
            # One that is killed forks no more, so what it leaves is found the next time. Those that are ending anyway
            # are left alone: they need the cores for it.
            while found := {pid for pid in family() - killed if lives(pid)}:
                for pid in found:
                    send(pid, signal.SIGKILL)
                killed |= found
        else:
            try:
                os.killpg(session, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        time.sleep(0.001)
    raise RuntimeError("a process that a program started cannot be ended")


def end_all_but(kept: set[int], active: int | None = None) -> tuple[Used, set[int]]:
    """For a subreaper: ends all descendants but these children, and stops the active one of them. The others have been
    stopped by an earlier call, and nobody else may continue them. Returns those that were to be kept and have ended.

    Needs `tells_children`.
    """
    used, lost = NOTHING, set()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            while ended := reap():
                used += ended[2]
                if ended[0] in kept:
                    lost.add(ended[0])
        except ChildProcessError:
            return used, lost | kept
        if active in lost:
            active = None
        # In this order. A stopped process without children gets none, so from then on others are children of ours or
        # below such, and stay so when their parents die. Twice, as a list that is read while it changes may have gaps.
        is_still = active is None or (state_of(active) == "T" and not any(map(lives, children_of(active))))
        if is_still and not any(set(children_of(os.getpid())) - kept for _ in range(2)):
            return used, lost
        stopped: set[int] = set()
        while moving := below(os.getpid(), kept - {active}) - stopped:
            for pid in moving:
                send(pid, signal.SIGSTOP)
            stopped |= moving
        for pid in stopped - kept:
            send(pid, signal.SIGKILL)
        time.sleep(0.0002)
    raise RuntimeError("a process that a program started cannot be ended")


def tells_children() -> bool:
    """Whether the kernel lists a process's children (CONFIG_PROC_CHILDREN); else they are found by a look at all."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def children_of(pid: int) -> list[int]:
    """Ended ones that have not been collected too."""
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            children += map(int, told(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass  # it ended while we looked
    return children


def below(ancestor: int, left_out: set[int]) -> set[int]:
    found: set[int] = set()
    pending = [ancestor]
    while pending:
        for pid in children_of(pending.pop()):
            if pid not in left_out and pid not in found:
                found.add(pid)
                pending.append(pid)
    return found


def lives(pid: int) -> bool:
    """False of an ended process that its parent has not collected. One may go on when its first thread has ended."""
    try:
        return state_of(pid) not in ("", "Z", "X") or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def state_of(pid: int) -> str:
    """A letter, as in ps; empty for a process that there is not."""
    try:
        return told(f"/proc/{pid}/stat").rpartition(b")")[2].split(maxsplit=1)[0].decode()
    except OSError:
        return ""


def told(path: str) -> bytes:
    """What the kernel tells in a file; a file object would ask it twice as much. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(descriptor, 1 << 12):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def family() -> set[int]:
    """Descendants, found from above where the kernel keeps lists of children: cheap on a machine of many processes.

    Good enough for counting; one that is born or orphaned in the meantime may be missed.
    """
    return below(os.getpid(), set()) if tells_children() else descendants()


def descendants() -> set[int]:
    """Live ones."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue  # it ended while we looked
            if state not in b"ZX":
                children.setdefault(int(parent), []).append(int(name))
    found: set[int] = set()
    pending = [os.getpid()]
    while pending:
        for pid in children.get(pending.pop(), []):
            found.add(pid)
            pending.append(pid)
    return found


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
