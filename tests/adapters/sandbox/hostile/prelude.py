import ctypes, errno, mmap, os, platform, signal, socket, struct, sys, time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
WORKER = VICTIM if HARMLESS else os.getppid()
libc.prctl(15, MARKER.encode())  # PR_SET_NAME, for the one who counts the processes of this program

SYSTEM_CALLS = {
    "x86_64": dict(
        mount=165, umount2=166, pivot_root=155, unshare=272, setns=308, clone=56, ptrace=101, process_vm_readv=310,
        process_vm_writev=311, kcmp=312, keyctl=250, add_key=248, request_key=249, bpf=321, userfaultfd=323,
        perf_event_open=298, memfd_create=319, shmget=29, semget=64, msgget=68, mq_open=240, setpriority=141,
        ioprio_set=251, name_to_handle_at=303, open_by_handle_at=304, rt_sigqueueinfo=129, tgkill=234, tkill=200,
        syslog=103, truncate=76, socket=41, chroot=161, sethostname=170, clock_settime=227, migrate_pages=256,
        sched_setattr=314, fanotify_init=300, acct=163, swapon=167, iopl=172, setdomainname=171, quotactl=179,
        lookup_dcookie=212, prlimit64=302, move_pages=279, execveat=322,
    ),
    "aarch64": dict(
        mount=40, umount2=39, pivot_root=41, unshare=97, setns=268, clone=220, ptrace=117, process_vm_readv=270,
        process_vm_writev=271, kcmp=272, keyctl=219, add_key=217, request_key=218, bpf=280, userfaultfd=282,
        perf_event_open=241, memfd_create=279, shmget=194, semget=190, msgget=186, mq_open=180, setpriority=140,
        ioprio_set=30, name_to_handle_at=264, open_by_handle_at=265, rt_sigqueueinfo=138, tgkill=131, tkill=130,
        syslog=116, truncate=45, socket=198, chroot=51, sethostname=161, clock_settime=112, migrate_pages=238,
        sched_setattr=274, fanotify_init=262, acct=89, swapon=224, iopl=-1, setdomainname=162, quotactl=60,
        lookup_dcookie=18, prlimit64=261, move_pages=239, execveat=281,
    ),
}[platform.machine()]
SYSTEM_CALLS.update(
    pidfd_send_signal=424, io_uring_setup=425, open_tree=428, move_mount=429, fsopen=430, fsmount=432, fspick=433,
    pidfd_open=434, clone3=435, pidfd_getfd=438, process_madvise=440, mount_setattr=442, memfd_secret=447,
)


def escaped(what):
    print("ESCAPED:", what, flush=True)


def attempt(call, *arguments, **options):
    """What a call returns, or None where the system refuses it."""
    try:
        return call(*arguments, **options)
    except OSError:
        return None


def must_fail(what, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except (OSError, ValueError):  # which Python makes of some refusals
        return
    escaped(what)


def system_call(name, *arguments):
    """-1 where it is refused."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return libc.syscall(ctypes.c_long(SYSTEM_CALLS[name]), *wide)


def must_be_refused(name, *arguments):
    result = system_call(name, *arguments)
    if result >= 0:
        escaped(f"{name} gave {result}")
    return result


def in_child(work):
    """Runs it in a process of its own, for what would change this one. Returns its wait status."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)
    return os.waitpid(pid, 0)[1]
