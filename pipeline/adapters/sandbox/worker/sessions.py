"""Sessions: children that live on between the blocks of one candidate, each confined like a program of its own.

What keeps sessions of one worker apart: a user, a directory and (where there is one) a Landlock domain of each one's
own; one block runs at a time, and a process that does not run is stopped. Where a worker has one user for all, a
session ends before anything else runs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import confinement
import notebook
import processes
import scratch
from channels import Output
from child import Child, Limits, Place, start
from notes import BlockBeginning, SessionNotes, Task

if TYPE_CHECKING:
    from worker import Worker

BLOCKS_AT_MOST = 1000  # what the limit of CPU time is for: nobody but root could raise it for each block
GONE = "gone"


@dataclass
class Session(Child):
    slot: int
    notes: SessionNotes
    held: dict[str, int] = field(default_factory=dict)  # bytes by file system, with and without a name


class Sessions:
    def __init__(self, worker: Worker, directory: str, count: int) -> None:
        self.worker = worker
        self.directory = directory
        self.free = list(range(count))
        self.live: dict[int, Session] = {}
        self.collected: set[int] = set()  # processes that ended while they were not watched
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o711)

    @property
    def are_apart(self) -> bool:
        """Whether several can live. A user that may read all files could read theirs, unless Landlock says no."""
        worker = self.worker
        return worker.user is not None and not (worker.keep_reading and worker.settings.isolation != "limits")

    @property
    def pids(self) -> set[int]:
        return {session.pid for session in self.live.values()}

    @property
    def writable(self) -> list[str]:
        return ["/dev/shm"] if self.worker.settings.isolation == "bubblewrap" else []

    def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        """Runs a block. A request that continues a session which there is not has the outcome `gone`."""
        number = request["session"]
        self.collect(number)
        if not self.are_apart:
            self.end_all(but=number)
        if number not in self.live and not request["isNew"]:
            return {"outcome": GONE}
        before = {path: scratch.used_bytes(path) for path in self.file_systems()}
        try:
            session = self.begin(number, request)
        except OSError:  # no room in its directory, or it has just been killed
            self.end(number)
            return {"outcome": GONE}
        ended_by, status, used = self.worker.watch(request, session)
        ended_at = time.monotonic()
        kept = {session.pid} if ended_by == "stopped" else set()
        others, lost = processes.end_all_but(self.pids - {session.pid} | kept, *kept)
        used += others
        for pid in lost:
            self.on_end_of(pid)
        if ended_by != "output-limit":
            session.stdout.drain()
        session.stderr.drain()
        for directory in self.writable:
            self.worker.empty(directory)
        if ended_by == "stopped":
            end = session.notes.end()
            ended_by, status = "timeout" if end.interrupted else "itself", (end.status & 0xFF) << 8
            used += processes.Used(end.cpu_seconds, end.peak_memory_bytes)
        reply = self.worker.execution(request, session, ended_by, status, used, ended_at, session.notes.memory_error())
        self.show_as_program(reply, request["block"])
        if not kept or kept & lost or reply["outcome"] == "output-limit":
            self.end(number)
            return {**reply, "session": "ended"}
        return {**reply, "session": "light" if self.is_light(session, before) else "heavy"}

    def begin(self, number: int, request: dict[str, Any]) -> Session:
        """Lets a new session or one that stands still run a block. Raises OSError."""
        task = Task(
            request["block"],
            request["seed"],
            request["timeoutSeconds"],
            request["showLastExpression"],
            request["interrupt"],
        )
        session = self.live.get(number)
        if session is None:
            return self.open(number, request, task)
        self.write_block(session.directory, request)
        session.notes.give(task)
        session.beginning = BlockBeginning(session.notes)
        session.stdout, session.stderr = Output(session.stdout.descriptor), Output(session.stderr.descriptor)
        os.kill(session.pid, signal.SIGCONT)
        return session

    def open(self, number: int, request: dict[str, Any], task: Task) -> Session:
        slot = self.free.pop(0)
        # Under a name that others cannot guess, and called what programs seem to stand in.
        above = os.path.join(self.directory, secrets.token_hex(8))
        directory = os.path.join(above, os.path.basename(self.worker.settings.script_directory))
        notes = SessionNotes()
        notes.give(task)
        try:
            os.mkdir(above)
            os.chmod(above, 0o711)
            os.mkdir(directory, 0o700)
            self.write_block(directory, request)
            place = self.place(slot, directory)
            if place.user is not None:
                os.chown(directory, place.user, place.user)
        except OSError:
            self.free.insert(0, slot)
            shutil.rmtree(above, ignore_errors=True)  # no program has been there
            raise

        def run() -> int:
            path = os.path.join(directory, "program.py")
            sys.argv, sys.orig_argv, sys.path[0] = [path], [sys.executable, path], directory
            os.environ["HOME"] = os.environ["TMPDIR"] = directory
            notebook.run_blocks(directory, notes)

        foreign = [self.worker.memory_error, *(session.notes.memory for session in self.live.values())]
        limits = Limits(request["memoryMiB"], request["timeoutSeconds"], BLOCKS_AT_MOST)
        child = start(place, limits, BlockBeginning(notes), foreign, run)
        self.live[number] = Session(child.pid, child.beginning, directory, child.stdout, child.stderr, slot, notes)
        return self.live[number]

    def place(self, slot: int, directory: str) -> Place:
        place = self.worker.place(directory)
        if place.user is not None and self.are_apart:
            place.user += 1 + slot
        isolation, readable = self.worker.settings.isolation, self.worker.settings.readable
        if isolation == "limits":
            place.landlock = lambda: confinement.program_rules(readable, [directory])
        elif isolation == "bubblewrap":
            # Sessions share these namespaces: what is each program's own there is to be each session's own too.
            if confinement.landlock_version() > 0:
                top = [f"/{name}" for name in os.listdir("/") if name not in ("proc", "tmp")]
                place.landlock = lambda: confinement.program_rules(
                    [*top, *readable, "/proc/self"], [directory, "/dev/shm"]
                )
        return place

    def write_block(self, directory: str, request: dict[str, Any]) -> None:
        path, as_program = notebook.block_path(directory, request["block"]), os.path.join(directory, "program.py")
        scratch.write_new(path, request["code"].encode())
        scratch.make_way(as_program)
        os.link(path, as_program)

    def show_as_program(self, reply: dict[str, Any], block: int) -> None:
        """A block stands in a file of its own; what it writes is to name the one where a program stands."""
        directory = self.worker.settings.script_directory
        for stream in ("stdout", "stderr"):
            reply[stream] = reply[stream].replace(
                notebook.block_path(directory, block), os.path.join(directory, "program.py")
            )

    def file_systems(self) -> list[str]:
        """Those of bounded size that sessions share."""
        return [self.directory, "/dev/shm"] if self.worker.settings.isolation == "bubblewrap" else []

    def is_light(self, session: Session, before: dict[str, int]) -> bool:
        """Whether it holds little enough of what all share to be kept."""
        for path, used in before.items():
            session.held[path] = session.held.get(path, 0) + scratch.used_bytes(path) - used
        return scratch.is_light(session.directory) and all(held <= scratch.KEPT_BYTES for held in session.held.values())

    def collect(self, wanted: int) -> None:
        """Notices those that were killed from outside, and whether the wanted one still stands still."""
        try:
            while ended := processes.reap():
                self.on_end_of(ended[0])
        except ChildProcessError:
            pass  # there are none
        for number, session in list(self.live.items()):
            if session.pid in self.collected or (number == wanted and processes.state_of(session.pid) != "T"):
                self.end(number)
        self.collected.clear()

    def on_end_of(self, pid: int) -> None:
        if pid in self.pids:
            self.collected.add(pid)

    def end(self, number: int) -> None:
        session = self.live.pop(number, None)
        if session is None:
            return
        processes.end_all_but(self.pids)
        session.close()
        session.notes.memory.close()
        os.chmod(session.directory, 0o700)
        scratch.empty(session.directory)
        os.rmdir(session.directory)
        os.rmdir(os.path.dirname(session.directory))
        self.free.append(session.slot)

    def end_all(self, but: int | None = None) -> None:
        for number in [*self.live]:
            if number != but:
                self.end(number)
