"""A fork server: imports the mathematical libraries once, then runs each program in a fork of itself.

    python worker.py SCRIPT_DIRECTORY SCRATCH_DIRECTORY ISOLATION [--user UID] [--sessions COUNT]
        [--sessions-directory PATH] [--readable PATH ...] [--preload MODULE ...]

One JSON object on each line of standard input:

    {"id": 1, "code": "print(1)", "earlier": [], "showLastExpression": false, "seed": 0, "timeoutSeconds": 5, "memoryMiB": 1024}
    {…, "session": 7, "block": 2, "isNew": false, "interrupt": false}
                        the second block of a session, in the process that the first one has left
    {"abort": 1}        ends the program with this id, if it is the one that runs
    {"end": 7}          ends a session

and one on each line of standard output: first `{"ready": …}`, then `{"id": 1, "outcome": "ok", …}` for each request, one
at a time. The end of standard input ends the worker and all it has started.

The program stands in SCRATCH_DIRECTORY, which is its working directory and emptied after it. Where that is not
SCRIPT_DIRECTORY, its name is replaced in what the program wrote. ISOLATION is `bubblewrap` (the worker is the first
process of a pid namespace that has nothing to reach), `limits` (Landlock and seccomp confine the program), or `none`.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import mmap
import os
import platform
import resource
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any, NoReturn

OURS = """
    beginning channels child confinement notebook notes preloading processes scratch script sessions shares system_calls
""".split()
sys.dont_write_bytecode = True  # no caches beside these files; programs get the default back
import child  # noqa: E402
import confinement  # noqa: E402
import preloading  # noqa: E402
import processes  # noqa: E402
import scratch  # noqa: E402
import script  # noqa: E402
import sessions  # noqa: E402
import shares  # noqa: E402
import system_calls  # noqa: E402
from beginning import Beginning  # noqa: E402
from channels import Gone, Requests  # noqa: E402

REPORTED = ["numpy", "sympy", "mpmath", "scipy", "gmpy2", "networkx"]

MEBIBYTE = 1 << 20
OUTPUT_BYTES_AT_MOST = MEBIBYTE
PROCESSES = 16  # each that a program forks takes milliseconds to end, and all together are to end with its time
LOOK_SECONDS = 0.1  # between looks at what a program has in all
BLOCK_LOOK_SECONDS = 0.02  # between looks at whether a session's block has begun
BLOCK_BEGIN_SECONDS = 5  # for a session to begin one: a block could hide that it has
SCRATCH_BYTES = 128 * MEBIBYTE  # per directory that it may write to


@dataclass
class Settings:
    script_directory: str
    scratch: str
    isolation: str
    user: int | None  # the first of this worker's; each session may have one of the next
    readable: list[str]
    sessions: int
    sessions_directory: str | None
    preload: list[str] | None  # modules; None: the usual libraries

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
        self.not_imported: dict[str, str] = {}  # and why
        # A byte that the child sets when its program ended by a MemoryError.
        self.memory_error = mmap.mmap(-1, mmap.PAGESIZE)
        self.user, self.keep_reading = settings.user, False
        self.directory_mode = 0o700
        self.to_end: list[int] = []  # sessions whose end was asked for while a program ran
        self.processes: int | None = None
        self.landlock: int | None = None
        self.seccomp: bytes | None = None
        self.signals_only_to_self = False
        self.sessions: sessions.Sessions | None = None
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
            self.landlock = confinement.program_rules(self.settings.readable, [self.settings.scratch])
        if self.user is not None and self.settings.isolation == "bubblewrap":
            self.directory_mode = 0o777  # nobody else is in there
        elif self.user is not None:
            os.chown(self.settings.scratch, self.user, self.user)
        for directory in self.settings.writable:
            os.chmod(directory, self.directory_mode)
        if self.user is not None:
            self.keep_reading = self.settings.isolation != "none" and not self.readable_by_user()
            if not self.readable_by_user():
                self.user = None
        self.processes = self.process_limit()
        # What is the same for all programs, they inherit.
        if os.geteuid() == 0 and self.settings.isolation != "none":
            confinement.bound_capabilities(self.keep_reading)
        if self.settings.isolation != "none":
            self.seccomp = self.system_call_filter()
            if self.seccomp is not None and not self.shares_user:
                confinement.enter_seccomp(self.seccomp)
                self.seccomp = None
        if self.settings.sessions_directory and self.settings.sessions > 0 and processes.tells_children():
            self.sessions = sessions.Sessions(self, self.settings.sessions_directory, self.settings.sessions)

    def readable_by_user(self) -> bool:
        """Whether a program under the other user could import and work in its directory."""
        probes = [os.__file__, *(module.__file__ for name in REPORTED if (module := sys.modules.get(name)))]
        directories = [path for path in sys.path if os.path.isdir(path)]
        pid = os.fork()
        if pid == 0:
            try:
                confinement.leave_root(self.user or 0, self.keep_reading)
                for probe in probes:
                    open(probe or os.devnull).close()
                for directory in directories:
                    os.listdir(directory)
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(pid, 0)[1] == 0

    def system_call_filter(self, own_id: int | None = None) -> bytes | None:
        """Without namespaces, a program that runs under our own user could get at our files and processes."""
        self.signals_only_to_self = self.shares_user and not confinement.landlock_stops_signals()
        return system_calls.system_call_filter(self.shares_user, own_id if self.signals_only_to_self else None)

    @property
    def shares_user(self) -> bool:
        return self.settings.isolation == "limits" and self.user is None

    def process_limit(self) -> int | None:
        """RLIMIT_NPROC counts the processes of a user, and in a user namespace those inside since Linux 5.14."""
        if self.user is not None:
            return PROCESSES
        if self.settings.isolation == "bubblewrap":
            version = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
            return PROCESSES if version >= (5, 14) else None
        return confinement.tasks_of_user() + 4 * PROCESSES

    # ---- requests

    def serve(self) -> NoReturn:
        packages = preloading.versions([*REPORTED, *(self.settings.preload or [])])
        gc.freeze()  # this too is nothing for a program's collector
        count = 0 if self.sessions is None else self.settings.sessions if self.sessions.are_apart else 1
        ready = {"python": platform.python_version(), "packages": packages, "sessions": count}
        self.reply({"ready": {**ready, "notImported": self.not_imported}})
        while True:
            request = self.next_request()
            if "end" in request:
                self.end_session(request["end"])
            elif "abort" not in request:  # else it comes too late
                run = self.execute if request.get("session") is None else self.execute_in_session
                self.reply({"id": request["id"], **run(request)})
                self.end_asked_for()

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
        """Runs a program that stands alone."""
        if self.sessions and not self.sessions.are_apart:
            self.sessions.end_all()
        source = request["code"].encode()
        with open(self.settings.path, "wb") as file:
            file.write(source)
        self.memory_error[0] = 0
        beginning = Beginning()

        def run() -> int:
            return script.run_script(
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

        foreign = [session.notes.memory for session in self.sessions.live.values()] if self.sessions else []
        limits = child.Limits(request["memoryMiB"], request["timeoutSeconds"])
        program = child.start(self.place(self.settings.scratch), limits, beginning, foreign, run)
        try:
            ended_by, status, used = self.watch(request, program)
            ended = time.monotonic()
            used += self.clear(program.pid)
            if ended_by != "output-limit":
                program.stdout.drain()
            program.stderr.drain()
        finally:
            program.close()
        self.empty_scratch()
        return self.execution(request, program, ended_by, status, used, ended, self.memory_error[0] != 0)

    def on_memory_error(self) -> None:
        self.memory_error[0] = 1

    def execute_in_session(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.sessions is None:
            raise ValueError("This worker has no sessions.")
        return self.sessions.execute(request)

    def end_session(self, number: int) -> None:
        if self.sessions:
            self.sessions.end(number)

    def place(self, directory: str) -> child.Place:
        rules = self.landlock
        return child.Place(
            directory,
            self.user,
            self.keep_reading,
            leave_root=os.geteuid() == 0 and self.settings.isolation != "none",
            processes=self.processes,
            landlock=None if rules is None else lambda: rules,
            seccomp=lambda: self.system_call_filter(os.getpid()) if self.signals_only_to_self else self.seccomp,
        )

    def watch(self, request: dict[str, Any], program: child.Child) -> tuple[str, int, processes.Used]:
        """Until the program ends or has to be ended: what ended it, its wait status (0 if it still runs), its use.

        A session's block that leaves its process in order is `stopped`.
        """
        audit = shares.Audit()
        try:
            return self.watch_with(audit, request, program)
        finally:
            audit.close()

    def watch_with(
        self, audit: shares.Audit, request: dict[str, Any], program: child.Child
    ) -> tuple[str, int, processes.Used]:
        poll = select.poll()
        stdout, stderr, beginning = program.stdout, program.stderr, program.beginning
        session = program if isinstance(program, sessions.Session) else None
        open_outputs = {output.descriptor: output for output in (stdout, stderr)}
        for descriptor in (self.requests.descriptor, self.woken, *open_outputs):
            poll.register(descriptor, select.POLLIN)
        if beginning.reader is not None:
            poll.register(beginning.reader, select.POLLIN)
        others = processes.NOTHING
        next_look = beginning.forked + LOOK_SECONDS
        if self.is_aborted(request["id"]):  # that came with the request
            return "aborted", 0, others
        while True:
            if session:
                beginning.take()
            if beginning.program:
                # One that an exception is to interrupt has a second more for that.
                deadline = beginning.program + request["timeoutSeconds"] + (1 if request.get("interrupt") else 0)
            elif beginning.earlier:
                deadline = beginning.earlier + request["timeoutSeconds"] + 1  # an alarm ends them, unless stuck in C
            elif session:
                deadline = beginning.forked + BLOCK_BEGIN_SECONDS + request["timeoutSeconds"]
            else:
                deadline = beginning.forked + child.PREPARATION_SECONDS
            now = time.monotonic()
            if now >= deadline:
                return "timeout", 0, others
            if now >= next_look:
                if excess := self.excess(request["memoryMiB"], session, audit):
                    return excess, 0, others
                if audit.pid is not None:
                    poll.register(audit.reader, select.POLLIN)
                next_look = time.monotonic() + LOOK_SECONDS
            until = min(deadline, next_look)
            if session and not beginning.program:
                until = min(until, now + BLOCK_LOOK_SECONDS)
            for descriptor, _ in poll.poll(math.ceil(1000 * (until - now))):
                if descriptor == self.requests.descriptor:
                    self.requests.fill()
                    if self.is_aborted(request["id"]):
                        return "aborted", 0, others
                elif descriptor == self.woken:
                    self.wake_up()
                elif descriptor == beginning.reader:
                    if not beginning.take():
                        poll.unregister(descriptor)
                elif descriptor in open_outputs:
                    if not open_outputs[descriptor].read():
                        poll.unregister(descriptor)
                else:
                    poll.unregister(descriptor)
                    if audit.end() > self.memory_allowed(request["memoryMiB"]):
                        return "memory", 0, others
            if stdout.count > OUTPUT_BYTES_AT_MOST:
                return "output-limit", 0, others
            if len(stderr.kept) > 2 * OUTPUT_BYTES_AT_MOST:
                del stderr.kept[:-OUTPUT_BYTES_AT_MOST]  # the end tells what went wrong
            while ended := processes.reap(or_stopped=session is not None):
                pid, status, used = ended
                if pid == audit.pid:
                    continue
                others += used
                if pid == program.pid and not os.WIFSTOPPED(status):
                    while beginning.take():
                        pass
                    return "itself", status, others
                if pid == program.pid and session and session.notes.end().has_ended:
                    beginning.take()
                    return "stopped", 0, others
                if self.sessions and not os.WIFSTOPPED(status):
                    self.sessions.on_end_of(pid)

    def excess(self, memory_mebibytes: int, session: sessions.Session | None, audit: shares.Audit) -> str | None:
        """What a program has too much of, in all its processes and files together: the outcome that this is.

        Of memory, an audit says so.
        """
        if not os.path.isdir("/proc/self"):
            return None
        if self.sessions:
            idle = self.sessions.pids - ({session.pid} if session else set())
            pids = list(processes.below(os.getpid(), idle))
        else:
            pids = list(processes.family())
        pids = [pid for pid in pids if pid != audit.pid]
        if audit.pid is None and len(pids) > 1 and shares.memory_of(pids) > self.memory_allowed(memory_mebibytes):
            audit.begin(pids)  # one process alone is held by its own limit
        writable = [session.directory, *self.settings.writable[1:]] if session else self.settings.writable
        size, count = shares.disk_of(writable, pids)
        if size > SCRATCH_BYTES * len(writable) or count > shares.FILES_AT_MOST:
            return "output-limit"
        return None

    def memory_allowed(self, mebibytes: int) -> int:
        """In all processes of a program: what they have of the worker's besides."""
        return shares.memory_of([os.getpid()]) + mebibytes * MEBIBYTE

    def is_aborted(self, running: int) -> bool:
        """Whether that was asked for. What else may be asked meanwhile is the end of sessions."""
        while message := self.requests.take():
            if message.get("abort") == running:
                return True
            if "end" in message:
                self.to_end.append(message["end"])
        return False

    def end_asked_for(self) -> None:
        while self.to_end:
            self.end_session(self.to_end.pop())

    def clear(self, pid: int) -> processes.Used:
        """Ends whatever is left of a program."""
        if self.sessions and self.sessions.live:
            used, lost = processes.end_all_but(self.sessions.pids)
            for lost_pid in lost:
                self.sessions.on_end_of(lost_pid)
            return used
        if self.settings.isolation == "bubblewrap":
            return processes.end_namespace()
        return processes.end_descendants(pid)

    def empty_scratch(self) -> None:
        """Raises where that fails: a new worker has a new directory."""
        for directory in self.settings.writable:
            self.empty(directory)

    def empty(self, directory: str) -> None:
        os.chmod(directory, self.directory_mode)
        for name in os.listxattr(directory) if hasattr(os, "listxattr") else []:
            os.removexattr(directory, name)
        scratch.empty(directory)

    def execution(
        self,
        request: dict[str, Any],
        program: child.Child,
        ended_by: str,
        status: int,
        used: processes.Used,
        ended: float,
        memory_error: bool,
    ) -> dict[str, Any]:
        stdout, stderr, beginning = program.stdout, program.stderr, program.beginning
        peak_memory = 0.0
        if beginning.program:
            peak_memory = max(0, used.peak_memory_bytes - beginning.peak_memory_bytes) / MEBIBYTE
        if ended_by == "itself":
            outcome = outcome_of(status, beginning.program > 0, memory_error, peak_memory / request["memoryMiB"])
        else:
            outcome = ended_by
        if stdout.count > OUTPUT_BYTES_AT_MOST:
            outcome = outcome if outcome == "aborted" else "output-limit"
            stdout.count = OUTPUT_BYTES_AT_MOST + 1  # it was stopped there; how far it got is chance
        return {
            "outcome": outcome,
            "stdout": self.text(program, stdout.kept[:OUTPUT_BYTES_AT_MOST]),
            "stderr": self.text(program, stderr.kept[-OUTPUT_BYTES_AT_MOST:]),
            "outputBytes": stdout.count,
            "milliseconds": 1000 * (ended - (beginning.program or beginning.forked)),
            "cpuMilliseconds": 1000 * max(0, used.cpu_seconds - beginning.cpu_seconds),
            "peakMemoryMiB": peak_memory,
        }

    def text(self, program: child.Child, data: bytearray) -> str:
        if program.directory != self.settings.script_directory:
            data = data.replace(program.directory.encode(), self.settings.script_directory.encode())
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("script_directory")
    parser.add_argument("scratch")
    parser.add_argument("isolation", choices=["bubblewrap", "limits", "none"])
    parser.add_argument("--user", type=int)
    parser.add_argument("--sessions", type=int, default=0)
    parser.add_argument("--sessions-directory")
    parser.add_argument("--readable", nargs="*", default=[])
    parser.add_argument("--preload", nargs="*")
    settings = Settings(**vars(parser.parse_args()))

    # The protocol moves away from descriptors 0 and 1: what programs see there is nothing, and a pipe of their own.
    requests, replies = Requests(os.dup(0)), os.dup(1)
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    os.dup2(devnull, 1)
    os.close(devnull)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (child.DESCRIPTORS, hard))

    path = settings.path
    sys.argv, sys.orig_argv, sys.path[0] = [path], [sys.executable, path], settings.scratch
    gc.disable()
    not_imported = preloading.preload(settings.preload)
    for name in OURS:
        del sys.modules[name]  # a program's own file of that name is not to be taken for ours
    sys.dont_write_bytecode = False
    for name in set(os.environ) - {"HOME", "LANG", "PATH", "TMPDIR"}:
        del os.environ[name]

    worker = Worker(settings, requests, replies)
    worker.not_imported = not_imported
    worker.prepare()
    try:
        worker.serve()
    except (Gone, KeyboardInterrupt):
        pass
    finally:
        if os.getpid() == own_id:
            if worker.sessions:
                worker.sessions.end_all()
            worker.clear(0)
            if settings.isolation != "bubblewrap":
                worker.empty_scratch()
                os.rmdir(settings.scratch)
                if worker.sessions:
                    os.rmdir(worker.sessions.directory)
                os.rmdir(os.path.dirname(settings.scratch))


if __name__ == "__main__":
    own_id = os.getpid()
    main()
