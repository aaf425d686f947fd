"""How much a program has, in all its processes, of what the kernel limits for one process or one file at a time."""

from __future__ import annotations

import os
import stat
import struct
import sys

FILES_AT_MOST = 4096
BLOCK = 512  # of st_blocks


def memory_of(pids: list[int]) -> int:
    """Bytes of memory that is not of files. What several of them share counts once, where the system lets us see it."""
    total = sum(kibibytes(pid, "status", (b"RssAnon:", b"RssShmem:")) or 0 for pid in pids)
    return 1024 * total


class Audit:
    """The same, more exact and slower: what processes share is divided among them.

    A fork of the worker finds out. The kernel has it wait for processes that fork, as long as those wait for a core
    among all that they have started; the worker has deadlines to keep, and ends it with the program.
    """

    RECORD = struct.Struct("=Q")

    def __init__(self) -> None:
        self.pid: int | None = None  # while one is under way
        self.reader = -1

    def begin(self, pids: list[int]) -> None:
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.write(writer, self.RECORD.pack(memory_shared_out(pids)))
            finally:
                os._exit(0)
        os.close(writer)

    def end(self) -> int:
        """Bytes. To be called when the reader has something to read; more than there can be if the fork was killed."""
        data = os.read(self.reader, self.RECORD.size)
        self.close()
        return self.RECORD.unpack(data)[0] if data else sys.maxsize

    def close(self) -> None:
        if self.pid is not None:
            os.close(self.reader)
            self.pid = None


def memory_shared_out(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        share = kibibytes(pid, "smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:"))
        total += (kibibytes(pid, "status", (b"RssAnon:", b"RssShmem:")) or 0) if share is None else share
    return 1024 * total


def kibibytes(pid: int, file: str, fields: tuple[bytes, ...]) -> int | None:
    """The sum of some fields; None where the file cannot be read, or has none of them."""
    try:
        with open(f"/proc/{pid}/{file}", "rb") as lines:
            values = [int(line.split()[1]) for line in lines if line.startswith(fields)]
    except OSError:
        return None
    return sum(values) if values else None


def disk_of(directories: list[str], pids: list[int]) -> tuple[int, int]:
    """Bytes and number of the files beneath directories, and of those that processes hold open without a name.

    Stops counting at FILES_AT_MOST. Misses what lies deeper than a path may be long.
    """
    seen: dict[tuple[int, int], int] = {}
    pending = list(directories)
    while pending and len(seen) <= FILES_AT_MOST:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    seen[status.st_dev, status.st_ino] = status.st_blocks * BLOCK
                    if stat.S_ISDIR(status.st_mode):
                        pending.append(entry.path)
                    if len(seen) > FILES_AT_MOST:
                        break
        except OSError:
            continue  # it is gone
    for pid in pids:
        for name in names_in(f"/proc/{pid}/fd"):
            try:
                status = os.stat(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                seen[status.st_dev, status.st_ino] = status.st_blocks * BLOCK
    return sum(seen.values()), len(seen)


def names_in(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
