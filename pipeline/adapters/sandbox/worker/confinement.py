"""What a program may do: resource limits, and the kernel's own confinement where no namespace does the work.

Each function acts on the calling process and whatever it starts; nothing here can be undone from inside.
The sum of memory over several processes is watched from outside (shares.py). Not stopped: kernel faults.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import resource
import signal
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
on_linux = sys.platform == "linux"
if on_linux:
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]

# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 8, 22, 24
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38

CAP_DAC_READ_SEARCH = 2
MEBIBYTE = 1 << 20


def prctl(option: int, *values: int) -> None:
    """Raises OSError where the kernel says no."""
    if libc.prctl(option, *(*values, 0, 0, 0, 0)[:4]) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def die_with_parent(by: signal.Signals) -> None:
    """Forgotten at a change of user, so to be called after it."""
    if on_linux:
        prctl(PR_SET_PDEATHSIG, by)


def adopt_orphans() -> None:
    """Makes descendants whose parent died children of this process, so that none gets out of sight."""
    if on_linux:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        prctl(PR_SET_NO_NEW_PRIVS, 1)  # no sudo: what changes its user could not be ended


def be_inspectable(allowed: bool) -> None:
    """Whether processes of the same user may read this one's memory; fork passes it on."""
    if on_linux:
        prctl(PR_SET_DUMPABLE, int(allowed))


# ---- user and capabilities


def set_capabilities(mask: int) -> None:
    """Permitted, effective and inheritable; see capset(2). Two 32-bit halves, the three of each."""
    header = struct.pack("=Ii", 0x20080522, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    if libc.capset(header, struct.pack("=6I", low, low, low, high, high, high)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def bound_capabilities(keep_reading: bool) -> None:
    """Whatever this process comes to start has no capability, but for the one that `leave_root` may leave."""
    for capability in range(64):
        if keep_reading and capability == CAP_DAC_READ_SEARCH:
            continue
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            pass  # the kernel knows fewer, or we may not and so do not have it


def leave_root(user: int, keep_reading: bool) -> None:
    """Becomes a user of no name and drops every capability. `bound_capabilities` comes before.

    Root itself is exempt from the limit on processes, which is why a plain drop of capabilities is not enough.
    `keep_reading` leaves the right to read any file that the rest of the confinement leaves reachable, to programs that
    this one starts too: an interpreter in root's home is out of other users' reach.
    """
    if keep_reading:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    set_capabilities(1 << CAP_DAC_READ_SEARCH if keep_reading else 0)
    if keep_reading:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)  # else lost with the next program started


# ---- resource limits


def address_space() -> int:
    """Bytes this process has mapped; 0 where the system does not tell."""
    if not on_linux:
        return 0
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    pages, _ = os.read(statm, 100).split(maxsplit=1)
    os.close(statm)
    return int(pages) * mmap.PAGESIZE


def tasks_of_user() -> int:
    """Processes and threads of this user on the machine, this one among them."""
    count, user = 0, os.getuid()
    for name in os.listdir("/proc") if on_linux else []:
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == user:
                count += os.stat(f"/proc/{name}/task").st_nlink - 2
        except OSError:
            pass  # it ended while we looked
    return count


def limit(kind: int, value: int) -> None:
    """Lowers a limit for good, soft and hard; one that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def limit_resources(memory_mebibytes: int, cpu_seconds: int, processes: int | None) -> None:
    """`memory_mebibytes` comes on top of what the process has already, per process."""
    if on_linux:  # elsewhere RLIMIT_AS is not honoured
        limit(resource.RLIMIT_AS, address_space() + memory_mebibytes * MEBIBYTE)
    limit(resource.RLIMIT_CPU, cpu_seconds)
    limit(resource.RLIMIT_FSIZE, 64 * MEBIBYTE)
    # No dump: less than a page is none. Where a program takes the dumps (core(5)), 0 would not stop it, but 1 does.
    limit(resource.RLIMIT_CORE, 1)
    limit(resource.RLIMIT_NOFILE, 256)
    if processes is not None:
        limit(resource.RLIMIT_NPROC, processes)


# ---- files: Landlock, https://docs.kernel.org/userspace-api/landlock.html

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446  # on every architecture
EXECUTE, WRITE_FILE, READ_FILE, READ_DIRECTORY, TRUNCATE, IOCTL = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL


def landlock_version() -> int:
    """The kernel's Landlock interface, from 1; 0 without Landlock."""
    return max(0, libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)) if on_linux else 0


def landlock_stops_signals() -> bool:
    return landlock_version() >= 6


def landlock_rules(readable: list[str], writable: list[str]) -> int:
    """A file descriptor that `enter_landlock` takes. Paths that do not exist are left out.

    Handled as far as the kernel's version knows them: files, TCP, and signals to processes outside.
    """
    version = landlock_version()
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    network = 0b11 if version >= 4 else 0  # bind, connect
    scope = 0b11 if version >= 6 else 0  # abstract sockets, signals
    attributes = struct.pack("=QQQ", files, network, scope)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    rules = libc.syscall(LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for paths, rights in ((readable, EXECUTE | READ_FILE | READ_DIRECTORY), (writable, files)):
        for path in paths:
            allow_beneath(rules, path, rights & files)
    return rules


def program_rules(readable: list[str], writable: list[str]) -> int:
    """For a program: what any needs besides."""
    return landlock_rules(
        [*readable, "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"],
        [*writable, "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"],
    )


def allow_beneath(rules: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if os.path.isdir(path) else rights & ON_FILES
        if libc.syscall(LANDLOCK_ADD_RULE, rules, 1, struct.pack("=Qi", allowed, beneath), 0) != 0:
            raise OSError(ctypes.get_errno(), f"landlock_add_rule {path}")
    finally:
        os.close(beneath)


def enter_landlock(rules: int) -> None:
    if libc.syscall(LANDLOCK_RESTRICT_SELF, rules, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")


# ---- system calls: seccomp; see system_calls.py


def enter_seccomp(program: bytes) -> None:
    """The process must have given up new privileges before (`adopt_orphans`)."""
    lines = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(lines))  # struct sock_fprog
    held = ctypes.create_string_buffer(header, len(header))
    prctl(PR_SET_SECCOMP, 2, ctypes.addressof(held))
