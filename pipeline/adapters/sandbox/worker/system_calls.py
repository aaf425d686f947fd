"""The system calls that a program is refused, as a seccomp filter.

https://docs.kernel.org/userspace-api/seccomp_filter.html

Refused is what mathematics has no use for and what reaches out of the sandbox, outlives the program, takes memory that
no limit counts, or opens a part of the kernel that is seldom used and has been a way out before.
"""

from __future__ import annotations

import errno
import platform
import struct

# The numbers on (x86_64, aarch64); None where there is no such call.
REFUSED = {
    # Network, Unix sockets too. Pairs of connected sockets stay allowed: asyncio needs one.
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # Other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "ioprio_set": (251, 30),
    # Namespaces, mounts and file handles.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # What outlives a process: keys, System V and POSIX messages, semaphores, shared memory.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # Files without a name, which hold memory beyond all limits.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # Machinery of the kernel.
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "syslog": (103, 116),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
}

# Landlock does not know these; where programs have a user of their own, that keeps them from others' files. Else they
# do nothing, and say it is done: a program that copies a file of its own is not to fail.
CHANGES_OF_FILES = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
TRUNCATE = {"truncate": (76, 45)}  # which Landlock knows since its third version

# Ways to signal that leave no choice of one's own process.
SIGNALS = {
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
KILL, TGKILL = (62, 129), (234, 131)

# A program may do these to itself, which it says by 0: the arguments that have to be that.
ON_ITSELF = {
    "prlimit64": ((302, 261), [0]),
    "setpriority": ((141, 140), [0, 1]),  # PRIO_PROCESS is 0 as well
    "sched_setaffinity": ((203, 122), [0]),
    "sched_setscheduler": ((144, 119), [0]),
    "sched_setparam": ((142, 118), [0]),
    "sched_setattr": ((314, 274), [0]),
}

NAMESPACES = 0x7E020000  # the CLONE_NEW… that clone(2) takes
CLONE, CLONE3 = (56, 220), (435, 435)
# Typing into a terminal (TIOCSTI, TIOCLINUX), and signals to the owner of a file: to any process, so the kernel sends
# them (FIOSETOWN, SIOCSPGRP, F_SETOWN, F_SETOWN_EX).
IOCTL, REFUSED_IOCTLS = (16, 29), [0x5412, 0x541C, 0x8901, 0x8902]
FCNTL, REFUSED_FCNTLS = (72, 25), [8, 15]

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # AUDIT_ARCH, and where in the pairs above

# linux/bpf_common.h, linux/seccomp.h
LOAD, EQUAL, AT_LEAST, HAS_BITS, GIVE = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
ARCHITECTURE, NUMBER = 4, 0  # offsets in seccomp_data


def argument(index: int) -> int:
    """The offset of its lower half, which is all that the calls above look at."""
    return 16 + 8 * index


def system_call_filter(protect_files: bool = False, signals_only_to: int | None = None) -> bytes | None:
    """A BPF program; None on an architecture that is not known here.

    `protect_files` is for programs that run under the user's own name: what changes a file by its path alone. `signals_only_to` refuses signals to others than
    this process and its group.
    """
    if platform.machine() not in ARCHITECTURES:
        return None
    architecture, column = ARCHITECTURES[platform.machine()]
    refused = dict(REFUSED)
    if protect_files:
        refused.update(TRUNCATE)
    if signals_only_to is not None:
        refused.update(SIGNALS)

    # Each line: code, value, the label to go on at if it holds, and if it does not (None: the next line).
    lines: list[tuple[int, int, str | None, str | None]] = [
        (LOAD, ARCHITECTURE, None, None),
        (EQUAL, architecture, None, "refuse"),
        (LOAD, NUMBER, None, None),
        (AT_LEAST, 0x40000000, "refuse", None),  # the x32 interface would be a way around
        (EQUAL, CLONE3[column], "unknown", None),  # its flags are out of sight; without it, clone(2) is taken
    ]
    labels: dict[str, int] = {}
    for numbers in refused.values():
        if numbers[column] is not None:
            lines.append((EQUAL, numbers[column], "refuse", None))

    for numbers in CHANGES_OF_FILES.values() if protect_files else ():
        if numbers[column] is not None:
            lines.append((EQUAL, numbers[column], "ignore", None))

    def check(numbers: tuple[int, int], *tests: tuple[int, int, str | None, str | None]) -> None:
        """Tests of one call's arguments; who passes them all may call."""
        after = f"after {numbers}"
        lines.extend([(EQUAL, numbers[column], None, after), *tests, (GIVE, ALLOW, None, None)])
        labels[after] = len(lines)

    for numbers, zero in ON_ITSELF.values():
        tests = [((LOAD, argument(index), None, None), (EQUAL, 0, None, "refuse")) for index in zero]
        check(numbers, *(test for pair in tests for test in pair))
    check(CLONE, (LOAD, argument(0), None, None), (HAS_BITS, NAMESPACES, "refuse", None))
    for numbers, values in ((IOCTL, REFUSED_IOCTLS), (FCNTL, REFUSED_FCNTLS)):
        check(numbers, (LOAD, argument(1), None, None), *((EQUAL, value, "refuse", None) for value in values))
    if signals_only_to is not None:
        own = (EQUAL, signals_only_to, None, "refuse")
        check(TGKILL, (LOAD, argument(0), None, None), own)
        check(KILL, (LOAD, argument(0), None, None), (EQUAL, 0, "allow", None), own)

    ends = {"allow": ALLOW, "ignore": ERRNO, "refuse": ERRNO | errno.EACCES, "unknown": ERRNO | errno.ENOSYS}
    for label, give in ends.items():
        labels[label] = len(lines)
        lines.append((GIVE, give, None, None))

    def distance(index: int, label: str | None) -> int:
        return labels[label] - index - 1 if label else 0  # jumps count from the next line

    return b"".join(
        struct.pack("=HBBI", code, distance(index, yes), distance(index, no), value)
        for index, (code, value, yes, no) in enumerate(lines)
    )
