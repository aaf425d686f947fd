"""What a worker reads: requests from who started it, and what programs write."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any


class Gone(Exception):
    """Whoever started the worker has gone, or wants it to go."""


class Requests:
    """Lines of a file descriptor, without a buffer that a fork could share."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = bytearray()
        self.searched = 0  # bytes of it that hold no end of a line: a line may have many millions

    def fill(self) -> None:
        """Blocks until there is something to read."""
        data = os.read(self.descriptor, 1 << 16)
        if not data:
            raise Gone
        self.pending += data

    def take(self) -> dict[str, Any] | None:
        """The next whole line that has been read."""
        end = self.pending.find(b"\n", self.searched)
        if end < 0:
            self.searched = len(self.pending)
            return None
        line = bytes(self.pending[:end])
        del self.pending[: end + 1]
        self.searched = 0
        return json.loads(line)


@dataclass
class Output:
    """What has come through a pipe."""

    descriptor: int
    kept: bytearray = field(default_factory=bytearray)
    count: int = 0

    def read(self) -> bool:
        """Takes what is there. False at the end."""
        try:
            data = os.read(self.descriptor, 1 << 18)
        except BlockingIOError:
            return True
        self.kept += data
        self.count += len(data)
        return bool(data)

    def drain(self) -> None:
        """Takes what is there until there is no more for now; never waits, whoever may hold the other end."""
        before = -1
        while before != self.count:
            before = self.count
            self.read()
