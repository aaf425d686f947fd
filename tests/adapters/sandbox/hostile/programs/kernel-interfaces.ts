import type { HostileProgram } from "../hostile-program.ts";

/** What the kernel offers that a mathematical program has no use for, and that has been a way out before. */
export const kernelInterfaces: HostileProgram[] = [
  {
    name: "makes namespaces",
    code: `
def make(flag): return lambda: must_be_refused("unshare", flag)
for flag in (0x10000000, 0x10020000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000, 0x80):
    in_child(make(flag))`,
  },
  {
    name: "starts a process in namespaces of its own",
    code: `
sys.stdout.flush()
for flag in (0x10000000, 0x00020000, 0x30000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000):
    pid = system_call("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    if pid > 0: escaped(f"clone {flag:x}"), os.waitpid(pid, 0)
    pid = system_call("clone3", struct.pack("=11Q", flag, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0), 88)
    if pid == 0: os._exit(0)
    if pid > 0: escaped(f"clone3 {flag:x}"), os.waitpid(pid, 0)`,
  },
  {
    name: "enters namespaces of others",
    code: `
for pid in (VICTIM, 1, "self", WORKER):
    for kind in ("user", "mnt", "net", "pid", "ipc", "uts"):
        number = attempt(os.open, f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        if number is not None: must_be_refused("setns", number, 0)
number = system_call("pidfd_open", VICTIM, 0)
if number >= 0: must_be_refused("setns", number, 0x20000)`,
  },
  {
    name: "mounts",
    code: `
here = os.getcwd().encode()
must_be_refused("mount", b"tmpfs", here, b"tmpfs", 0, None)
must_be_refused("mount", b"/", here, None, 4096, None)
must_be_refused("mount", b"none", b"/", None, 32, None)
must_be_refused("mount", b"proc", here, b"proc", 0, None)
must_be_refused("mount", None, b"/usr", None, 4096 | 32, None)  # to have it writable
must_be_refused("umount2", here, 2)
must_be_refused("umount2", b"/usr", 2)
must_be_refused("fsopen", b"tmpfs", 0)
must_be_refused("open_tree", -100, b"/", 1)
must_be_refused("fspick", -100, b"/", 0)
must_be_refused("move_mount", -100, b"/usr", -100, here, 0)
must_be_refused("mount_setattr", -100, b"/usr", 0, bytes(32), 32)`,
  },
  {
    name: "changes its root",
    code: `
os.makedirs("root/old")
def change(): must_fail("chroot", os.chroot, "root"), must_be_refused("chroot", b"."), must_be_refused("pivot_root", b"root", b"root/old")
in_child(change)`,
  },
  {
    name: "becomes root",
    code: `
for call in (os.setuid, os.setgid, os.seteuid, os.setegid): must_fail(call.__name__, call, 0)
must_fail("setgroups", os.setgroups, [0])
must_fail("setresuid", os.setresuid, 0, 0, 0)
mask = 0xFFFFFFFF
if libc.capset(struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", mask, mask, 0, mask, mask, 0)) == 0: escaped("capset")
if libc.prctl(39, 0, 0, 0, 0) != 1: escaped("new privileges by set-user-id programs")`,
  },
  {
    name: "loads programs into the kernel",
    code: `
for command in range(0, 20): must_be_refused("bpf", command, bytes(128), 128)
must_be_refused("perf_event_open", bytes(120), 0, -1, -1, 0)`,
  },
  {
    name: "handles page faults itself",
    code: `
for flags in (0, 1, 0x80800): must_be_refused("userfaultfd", flags)`,
  },
  {
    name: "goes around system calls by a ring of requests",
    code: `must_be_refused("io_uring_setup", 8, ctypes.create_string_buffer(200))`,
  },
  {
    name: "runs a program that is in no file",
    code: `
number = must_be_refused("memfd_create", b"hidden", 0)
if number >= 0: os.write(number, b"#!/bin/sh\\necho ESCAPED: ran\\n"), os.execve(number, ["hidden"], {})
must_be_refused("memfd_secret", 0)`,
    unconfined: true,
  },
  {
    name: "keeps keys in the kernel",
    code: `
for keyring in (-1, -2, -3, -4, -5):
    must_be_refused("add_key", b"user", f"key-{MARKER}".encode(), b"x", 1, keyring)
    must_be_refused("keyctl", 0, keyring, 1)
must_be_refused("keyctl", 1, b"session")
must_be_refused("request_key", b"user", b"key", None, -3)`,
  },
  {
    name: "leaves System V and POSIX messages",
    code: `
must_be_refused("shmget", 4711, 4096, 0o1777)
must_be_refused("semget", 4711, 1, 0o1777)
must_be_refused("msgget", 4711, 0o1777)
must_be_refused("mq_open", f"left-{MARKER}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None)`,
  },
  {
    name: "types into a terminal",
    code: `
import fcntl
paths = ["/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/pts/0", "/dev/pts/1", f"/proc/{TEST}/fd/0"]
numbers = [0, 1, 2, *(attempt(os.open, path, os.O_RDWR | os.O_NOCTTY) for path in paths)]
for number in numbers:
    if number is not None: must_fail("TIOCSTI", fcntl.ioctl, number, 0x5412, b"x")
def own():  # a terminal of its own would do no harm: it shows whether the call is refused
    master, slave = os.openpty()
    fcntl.ioctl(slave, 0x540E, 0)
    fcntl.ioctl(slave, 0x5412, b"x")
    escaped("TIOCSTI in a terminal of its own")
def in_session():
    attempt(os.setsid)
    attempt(own)
in_child(in_session)`,
  },
  {
    name: "speaks to the devices and firmware",
    code: `
if platform.machine() == "x86_64": must_be_refused("iopl", 3)
must_be_refused("fanotify_init", 0x4, 0)
must_be_refused("quotactl", 0x800003 << 8, b"/dev/vda", 0, bytes(200))
for path in ("/dev/net/tun", "/dev/loop0", "/dev/loop-control", "/dev/mapper/control", "/dev/input/event0", "/dev/dri/card0", "/dev/rtc0", "/dev/ptp0"):
    must_fail(path, os.open, path, os.O_RDWR)`,
  },
  {
    name: "raises its limits",
    code: `
import resource
for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
    soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        must_fail(f"limit {kind}", resource.setrlimit, kind, (soft, hard + 1))
        must_fail(f"no limit {kind}", resource.setrlimit, kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
must_fail("nice", os.nice, -5)
must_fail("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
must_fail("priority", os.setpriority, os.PRIO_PROCESS, 0, -5)`,
  },
  {
    name: "calls the kernel in the way of another architecture",
    code: `
if platform.machine() == "x86_64":
    if libc.syscall(ctypes.c_long(0x40000000 | 41), 2, 1, 0) >= 0: escaped("socket of the x32 interface")
    def call_32(number, *arguments):  # int 0x80; arguments in ebx, ecx, edx
        machine = b"\\x53\\xb8" + struct.pack("=i", number)
        for register, value in zip((b"\\xbb", b"\\xb9", b"\\xba"), arguments): machine += register + struct.pack("=i", value)
        machine += b"\\xcd\\x80\\x5b\\xc3"
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(machine)
        return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    def calls():
        if call_32(359, 2, 1, 0) >= 0: escaped("socket of the 32-bit interface")
        if call_32(310, 0x10000000) >= 0: escaped("unshare of the 32-bit interface")
    in_child(calls)  # a kernel without that interface ends it by a signal`,
  },
  {
    name: "changes its own traits by prctl",
    code: `
for option, value in ((4, 0), (1, 0), (36, 1), (8, 1), (23, 21), (24, 0), (28, 0), (33, 1), (53, 1), (0x59616D61, -1 & 0xFFFFFFFF), (3, 0), (38, 0)):
    libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0)
for number in range(0, 70): libc.prctl(number, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) if number not in (15, 22, 59) else None
system_call("ptrace", 0, 0, 0, 0)`,
  },
];
