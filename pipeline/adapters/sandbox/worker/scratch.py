"""The directories that programs write to. Everything in there may be hostile: links, pipes, locked or endless trees.

To be called while no program runs that could change them.
"""

from __future__ import annotations

import os
import stat

KEPT_BYTES, KEPT_FILES = 1 << 20, 1000  # of a session, between its blocks


def empty(directory: str) -> None:
    """Removes what is in a directory, also what its permissions protect, and trees deeper than a path may be long."""
    pending = [os.path.join(directory, name) for name in os.listdir(directory)]
    moved = 0
    while pending:
        path = pending.pop()
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            continue
        os.chmod(path, 0o700)
        for name in os.listdir(path):
            below = os.path.join(path, name)
            if stat.S_ISDIR(os.lstat(below).st_mode):
                os.chmod(below, 0o700)
                while os.path.lexists(place := os.path.join(directory, f"removed-{moved}")):
                    moved += 1
                os.rename(below, place)
                pending.append(place)
            else:
                os.unlink(below)
        os.rmdir(path)


def write_new(path: str, data: bytes) -> None:
    """Writes a file whose name a program may have taken for something else. Raises OSError where there is no room."""
    make_way(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with open(descriptor, "wb", buffering=0) as file:
        while data:
            data = data[file.write(data) :]


def make_way(path: str) -> None:
    """Removes whatever has a name."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:  # a directory
        os.chmod(path, 0o700)
        empty(path)
        os.rmdir(path)


def is_light(directory: str) -> bool:
    """Whether it holds little enough to be kept. What cannot be looked at is not."""
    size, count, pending = 0, 0, [directory]
    try:
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    size, count = size + entry.stat(follow_symlinks=False).st_blocks * 512, count + 1
                    if size > KEPT_BYTES or count > KEPT_FILES:
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    except OSError:
        return False
    return True


def used_bytes(directory: str) -> int:
    """Of its file system: also what has no name any more."""
    status = os.statvfs(directory)
    return (status.f_blocks - status.f_bfree) * status.f_frsize
