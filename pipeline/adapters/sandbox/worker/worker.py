"""A fork server: imports the mathematical libraries once, then runs each program in a fork of itself.

    python worker.py SCRIPT_DIRECTORY SCRATCH_DIRECTORY ISOLATION [--user UID] [--readable PATH ...]

One JSON object on each line of standard input:

    {"id": 1, "code": "print(1)", "earlier": [], "showLastExpression": false, "seed": 0, "timeoutSeconds": 5, "memoryMiB": 1024}
    {"abort": 1}        ends the program with this id, if it is the one that runs

and one on each line of standard output: first `{"ready": …}`, then `{"id": 1, "outcome": "ok", …}` for each request, one
at a time. The end of standard input ends the worker and all it has started.

The program stands in SCRATCH_DIRECTORY, which is its working directory and emptied after it. Where that is not
SCRIPT_DIRECTORY, its name is replaced in what the program wrote. ISOLATION is `bubblewrap` (the worker is the first
process of a pid namespace that has nothing to reach), `limits` (Landlock and seccomp confine the program), or `none`.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import math
import mmap
import os
import platform
import resource
import select
import signal
import stat
import struct
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, NoReturn

sys.dont_write_bytecode = True  # no caches beside these files; programs get the default back
import confinement  # noqa: E402
import preloading  # noqa: E402
import processes  # noqa: E402
import script  # noqa: E402
import shares  # noqa: E402
import system_calls  # noqa: E402

REPORTED = ["numpy", "sympy", "mpmath", "scipy", "gmpy2", "networkx"]

MEBIBYTE = 1 << 20
OUTPUT_BYTES_AT_MOST = MEBIBYTE
PREPARATION_SECONDS = 20  # from the fork to the first line of a program; milliseconds unless the machine stalls
LOOK_SECONDS = 0.1  # between looks at what a program has in all
SCRATCH_BYTES = 128 * MEBIBYTE  # per directory that it may write to
DESCRIPTORS = 256  # more are never open, in the worker and in a program
CHILD_FAILED = 70  # the worker's own code in the child raised: EX_SOFTWARE of sysexits.h


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
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu_seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        unit = 1 if sys.platform == "darwin" else 1024
        os.write(self.writer, self.RECORD.pack(True, time.monotonic(), cpu_seconds, usages[0].ru_maxrss * unit))
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


@dataclass
class Settings:
    script_directory: str
    scratch: str
    isolation: str
    user: int | None
    readable: list[str]

    @property
    def path(self) -> str:
        return os.path.join(self.scratch, "program.py")

    @property
    def writable(self) -> list[str]:
        """The directories that a program may write to. Semaphores are files in /dev/shm."""
        return [self.scratch, "/dev/shm"] if self.isolation == "bubblewrap" else [self.scratch]


class Worker:
    def __init__(self, settings: Settings, requests: Requests, replies: int) -> None:
        self.settings = settings
        self.requests = requests
        self.replies = replies
        # A byte that the child sets when its program ended by a MemoryError.
        self.memory_error = mmap.mmap(-1, mmap.PAGESIZE)
        self.user, self.keep_reading = settings.user, False
        self.directory_mode = 0o700
        self.processes: int | None = None
        self.landlock: int | None = None
        self.seccomp: bytes | None = None
        self.signals_only_to_self = False
        self.child = 0
        # The number of a signal arrives here when a child ends, so that one poll can wait for everything.
        self.woken, self.wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(self.wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)

    # ---- preparation

    def prepare(self) -> None:
        confinement.be_inspectable(False)
        if self.settings.isolation != "bubblewrap":
            confinement.adopt_orphans()
            # No exception from the handler: it could break off the very clearing that it asks for.
            signal.signal(signal.SIGTERM, lambda *_: None)
            confinement.die_with_parent(signal.SIGTERM)
        else:
            # The first process of a namespace gets no signal from inside that it has no handler for.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if self.settings.isolation == "limits":
            self.landlock = confinement.landlock_rules(
                [*self.settings.readable, "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"],
                [self.settings.scratch, "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"],
            )
        if self.user is not None:
            self.directory_mode = 0o777
            for directory in self.settings.writable:
                os.chmod(directory, self.directory_mode)
            self.keep_reading = self.settings.isolation != "none" and not self.readable_by_user()
            if not self.readable_by_user():
                self.user = None
        self.processes = self.process_limit()
        if self.settings.isolation != "none":
            self.seccomp = self.system_call_filter()

    def readable_by_user(self) -> bool:
        """Whether a program under the other user could import and work in its directory."""
        probes = [os.__file__, *(module.__file__ for name in REPORTED if (module := sys.modules.get(name)))]
        pid = os.fork()
        if pid == 0:
            try:
                confinement.leave_root(self.user or 0, self.keep_reading)
                for probe in probes:
                    open(probe or os.devnull).close()
                os.listdir(self.settings.scratch)
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(pid, 0)[1] == 0

    def system_call_filter(self, own_id: int | None = None) -> bytes | None:
        """Without namespaces, a program that runs under our own user could get at our files and processes."""
        shares_user = self.settings.isolation == "limits" and self.user is None
        self.signals_only_to_self = shares_user and not confinement.landlock_stops_signals()
        return system_calls.system_call_filter(shares_user, own_id if self.signals_only_to_self else None)

    def process_limit(self) -> int | None:
        """RLIMIT_NPROC counts the processes of a user, and in a user namespace those inside since Linux 5.14."""
        if self.user is not None:
            return 64
        if self.settings.isolation == "bubblewrap":
            version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
            return 64 if version >= (5, 14) else None
        return confinement.tasks_of_user() + 256

    # ---- requests

    def serve(self) -> NoReturn:
        packages = {}
        for name in REPORTED:
            try:
                packages[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                pass
        gc.freeze()  # this too is nothing for a program's collector
        self.reply({"ready": {"python": platform.python_version(), "packages": packages}})
        while True:
            request = self.next_request()
            if "abort" not in request:  # else it comes too late
                self.reply({"id": request["id"], **self.execute(request)})

    def next_request(self) -> dict[str, Any]:
        poll = select.poll()
        for descriptor in (self.requests.descriptor, self.woken):
            poll.register(descriptor, select.POLLIN)
        while (request := self.requests.take()) is None:
            for descriptor, _ in poll.poll():
                if descriptor == self.woken:
                    self.wake_up()
                else:
                    self.requests.fill()
        return request

    def wake_up(self) -> None:
        """A signal came: that a child has ended, or that we are to end."""
        if signal.SIGTERM in os.read(self.woken, 1 << 12):
            raise Gone

    def reply(self, message: dict[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            try:
                data = data[os.write(self.replies, data) :]
            except BrokenPipeError:
                raise Gone from None

    def execute(self, request: dict[str, Any]) -> dict[str, Any]:
        source = request["code"].encode()
        with open(self.settings.path, "wb") as file:
            file.write(source)
        self.memory_error[0] = 0
        beginning = Beginning()
        read_stdout, write_stdout = os.pipe()
        read_stderr, write_stderr = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            status = CHILD_FAILED
            try:
                self.become_program(request, beginning, write_stdout, write_stderr)
                status = script.run_script(
                    source,
                    self.settings.path,
                    request["earlier"],
                    request["showLastExpression"],
                    request["seed"],
                    request["timeoutSeconds"],
                    beginning.tell_earlier,
                    beginning.tell_program,
                    self.on_memory_error,
                )
            except BaseException:
                traceback.print_exc()  # of ours: whatever the program raised has been reported
                sys.stderr.flush()
            finally:
                os._exit(status)
        for descriptor in (write_stdout, write_stderr, beginning.writer):
            os.close(descriptor)
        stdout, stderr = Output(read_stdout), Output(read_stderr)
        try:
            ended_by, status, used = self.watch(request, beginning, stdout, stderr)
            ended = time.monotonic()
            used += self.clear()
            if ended_by != "output-limit":
                stdout.drain()
            stderr.drain()
        finally:
            for descriptor in (read_stdout, read_stderr, beginning.reader):
                os.close(descriptor)
        self.empty_scratch()
        return self.execution(request, ended_by, status, used, beginning, ended, stdout, stderr)

    def on_memory_error(self) -> None:
        self.memory_error[0] = 1

    def become_program(self, request: dict[str, Any], beginning: Beginning, stdout: int, stderr: int) -> None:
        """In the child: lets go of everything that is the worker's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        beginning.keep_at(DESCRIPTORS - 1)  # out of the way of the files that earlier blocks open
        os.chdir(self.settings.scratch)
        os.umask(0o022)
        cores = os.cpu_count() or 1
        cpu_seconds = math.ceil(2 * (request["timeoutSeconds"] + 1) * cores) + PREPARATION_SECONDS
        confinement.limit_resources(request["memoryMiB"], cpu_seconds, self.processes)
        if self.landlock is not None:
            confinement.enter_landlock(self.landlock)
        if self.user is not None:
            confinement.leave_root(self.user, self.keep_reading)
        elif os.geteuid() == 0 and self.settings.isolation != "none":
            confinement.leave_root(0, False)
        if self.signals_only_to_self:
            self.seccomp = self.system_call_filter(os.getpid())
        if self.seccomp is not None:
            confinement.enter_seccomp(self.seccomp)
        confinement.be_inspectable(True)
        confinement.die_with_parent(signal.SIGKILL)
        os.closerange(3, DESCRIPTORS - 1)
        gc.enable()

    def watch(
        self, request: dict[str, Any], beginning: Beginning, stdout: Output, stderr: Output
    ) -> tuple[str, int, processes.Used]:
        """Until the child ends or has to be ended: what ended it, its wait status (0 if it still runs), its use."""
        poll = select.poll()
        open_outputs = {output.descriptor: output for output in (stdout, stderr)}
        for descriptor in (self.requests.descriptor, self.woken, beginning.reader, *open_outputs):
            os.set_blocking(descriptor, descriptor == self.requests.descriptor)
            poll.register(descriptor, select.POLLIN)
        others = processes.NOTHING
        next_look = beginning.forked + LOOK_SECONDS
        while True:
            if beginning.program:
                deadline = beginning.program + request["timeoutSeconds"]
            elif beginning.earlier:
                deadline = beginning.earlier + request["timeoutSeconds"] + 1  # an alarm ends them, unless stuck in C
            else:
                deadline = beginning.forked + PREPARATION_SECONDS
            now = time.monotonic()
            if now >= deadline:
                return "timeout", 0, others
            if now >= next_look:
                if excess := self.excess(request["memoryMiB"]):
                    return excess, 0, others
                next_look = time.monotonic() + LOOK_SECONDS
            for descriptor, _ in poll.poll(math.ceil(1000 * (min(deadline, next_look) - now))):
                if descriptor == self.requests.descriptor:
                    self.requests.fill()
                    if self.is_aborted(request["id"]):
                        return "aborted", 0, others
                elif descriptor == self.woken:
                    self.wake_up()
                elif descriptor == beginning.reader:
                    if not beginning.take():
                        poll.unregister(descriptor)
                elif not open_outputs[descriptor].read():
                    poll.unregister(descriptor)
            if stdout.count > OUTPUT_BYTES_AT_MOST:
                return "output-limit", 0, others
            if len(stderr.kept) > 2 * OUTPUT_BYTES_AT_MOST:
                del stderr.kept[:-OUTPUT_BYTES_AT_MOST]  # the end tells what went wrong
            while ended := processes.reap():
                pid, status, used = ended
                others += used
                if pid == self.child:
                    while beginning.take():
                        pass
                    return "itself", status, others

    def excess(self, memory_mebibytes: int) -> str | None:
        """What a program has too much of, in all its processes and files together: the outcome that this is."""
        if not os.path.isdir("/proc/self"):
            return None
        pids = processes.family()
        if len(pids) > 1:  # one alone is held by its own limit
            allowed = shares.memory_of([os.getpid()]) + memory_mebibytes * MEBIBYTE
            if shares.memory_of(pids) > allowed and shares.memory_shared_out(pids) > allowed:
                return "memory"
        size, count = shares.disk_of(self.settings.writable, pids)
        if size > SCRATCH_BYTES * len(self.settings.writable) or count > shares.FILES_AT_MOST:
            return "output-limit"
        return None

    def is_aborted(self, running: int) -> bool:
        message = self.requests.take()
        return message is not None and message.get("abort") == running

    def clear(self) -> processes.Used:
        """Ends whatever is left of a program."""
        if self.settings.isolation == "bubblewrap":
            return processes.end_namespace()
        return processes.end_descendants(self.child)

    def empty_scratch(self) -> None:
        """Raises where that fails: a new worker has a new directory."""
        for directory in self.settings.writable:
            os.chmod(directory, self.directory_mode)
            for name in os.listxattr(directory) if hasattr(os, "listxattr") else []:
                os.removexattr(directory, name)
            empty(directory)

    def execution(
        self,
        request: dict[str, Any],
        ended_by: str,
        status: int,
        used: processes.Used,
        beginning: Beginning,
        ended: float,
        stdout: Output,
        stderr: Output,
    ) -> dict[str, Any]:
        peak_memory = max(0, used.peak_memory_bytes - beginning.peak_memory_bytes) / MEBIBYTE if beginning.program else 0
        if ended_by == "itself":
            outcome = outcome_of(status, beginning.program > 0, self.memory_error[0] != 0, peak_memory / request["memoryMiB"])
        else:
            outcome = ended_by
        if stdout.count > OUTPUT_BYTES_AT_MOST:
            outcome = outcome if outcome == "aborted" else "output-limit"
            stdout.count = OUTPUT_BYTES_AT_MOST + 1  # it was stopped there; how far it got is chance
        return {
            "outcome": outcome,
            "stdout": self.text(stdout.kept[:OUTPUT_BYTES_AT_MOST]),
            "stderr": self.text(stderr.kept[-OUTPUT_BYTES_AT_MOST:]),
            "outputBytes": stdout.count,
            "milliseconds": 1000 * (ended - (beginning.program or beginning.forked)),
            "cpuMilliseconds": 1000 * max(0, used.cpu_seconds - beginning.cpu_seconds),
            "peakMemoryMiB": peak_memory,
        }

    def text(self, data: bytearray) -> str:
        if self.settings.scratch != self.settings.script_directory:
            data = data.replace(self.settings.scratch.encode(), self.settings.script_directory.encode())
        return data.decode("utf-8", "replace")


def outcome_of(status: int, started: bool, memory_error: bool, memory_share: float) -> str:
    """Of a child that ended without our doing. `memory_share` is its peak as a share of its limit."""
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) == signal.SIGXCPU:
            return "timeout"
        return "memory" if memory_error or memory_share > 0.75 else "crashed"
    if not started:
        return "crashed"
    if os.WEXITSTATUS(status) == 0:
        return "ok"
    return "memory" if memory_error else "error"


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("script_directory")
    parser.add_argument("scratch")
    parser.add_argument("isolation", choices=["bubblewrap", "limits", "none"])
    parser.add_argument("--user", type=int)
    parser.add_argument("--readable", nargs="*", default=[])
    settings = Settings(**vars(parser.parse_args()))

    # The protocol moves away from descriptors 0 and 1: what programs see there is nothing, and a pipe of their own.
    requests, replies = Requests(os.dup(0)), os.dup(1)
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    os.dup2(devnull, 1)
    os.close(devnull)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))

    path = settings.path
    sys.argv, sys.orig_argv, sys.path[0] = [path], [sys.executable, path], settings.scratch
    gc.disable()
    preloading.preload()
    for name in ("confinement", "preloading", "processes", "script", "shares", "system_calls"):
        del sys.modules[name]  # a program's own file of that name is not to be taken for ours
    sys.dont_write_bytecode = False
    for name in set(os.environ) - {"HOME", "LANG", "PATH", "TMPDIR"}:
        del os.environ[name]

    worker = Worker(settings, requests, replies)
    worker.prepare()
    try:
        worker.serve()
    except (Gone, KeyboardInterrupt):
        pass
    finally:
        if os.getpid() == own_id:
            worker.clear()
            if settings.isolation != "bubblewrap":
                worker.empty_scratch()
                os.rmdir(settings.scratch)


if __name__ == "__main__":
    own_id = os.getpid()
    main()
