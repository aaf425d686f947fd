import type { HostileProgram } from "../hostile-program.ts";

/** At the worker, its siblings, the test's own process, and one more of the same user. */
export const otherProcesses: HostileProgram[] = [
  {
    name: "signals a process",
    code: `
for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL, signal.SIGURG):
    attempt(os.kill, VICTIM, number)
attempt(os.kill, TEST, signal.SIGURG)
attempt(os.killpg, VICTIM, signal.SIGKILL)`,
    unconfined: true,
  },
  {
    name: "signals a process by other calls",
    code: `
information = struct.pack("@iii", signal.SIGKILL, 0, -1).ljust(128, bytes(1))
system_call("rt_sigqueueinfo", VICTIM, signal.SIGKILL, information)
system_call("tgkill", VICTIM, VICTIM, signal.SIGKILL)
system_call("tkill", VICTIM, signal.SIGKILL)
number = system_call("pidfd_open", VICTIM, 0)
if number >= 0: system_call("pidfd_send_signal", number, signal.SIGKILL, None, 0)`,
    unconfined: true,
  },
  {
    name: "has the kernel signal the owner of a pipe",
    code: `
import fcntl
reader, writer = os.pipe()
def own():
    fcntl.fcntl(reader, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(reader, fcntl.F_SETOWN, VICTIM)
attempt(own)
attempt(fcntl.fcntl, reader, 15, struct.pack("=ii", 1, VICTIM))  # F_SETOWN_EX
attempt(fcntl.ioctl, reader, 0x8901, struct.pack("=i", VICTIM))  # FIOSETOWN
fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
if fcntl.fcntl(reader, fcntl.F_GETOWN) == VICTIM: os.write(writer, b"x")
time.sleep(0.1)`,
    unconfined: true,
  },
  {
    name: "signals every process there is",
    code: `
attempt(os.kill, -1, signal.SIGURG)  # the test would notice; others ignore it
for pid in range(1, 20000):
    if pid not in (os.getpid(), WORKER): must_fail(f"signal to {pid}", os.kill, pid, 0)`,
  },
  {
    name: "ends its worker",
    code: `
for number in range(1, 65):
    attempt(os.kill, WORKER, number)
    attempt(os.kill, os.getpgid(WORKER) or WORKER, number)
    attempt(os.killpg, attempt(os.getpgid, WORKER) or WORKER, number)`,
  },
  {
    name: "traces a process",
    code: `
for request in (16, 0x4206):  # attach, seize
    for pid in (VICTIM, WORKER, TEST):
        if pid != TEST or request == 0x4206: must_be_refused("ptrace", request, pid, 0, 0)
time.sleep(0.1)`,
  },
  {
    name: "reads and writes the memory of a process",
    code: `
local = ctypes.create_string_buffer(b"x" * 8)
vector, elsewhere = struct.pack("@PN", ctypes.addressof(local), 8), struct.pack("@PN", 16, 8)
for pid in (VICTIM, WORKER, TEST):
    for name in ("process_vm_readv", "process_vm_writev"):
        # an address that is not mapped gives EFAULT (14) to who may look
        if system_call(name, pid, vector, 1, elsewhere, 1, 0) >= 0 or ctypes.get_errno() == errno.EFAULT: escaped(name)`,
  },
  {
    name: "takes a file from a process",
    code: `
for pid in (VICTIM, WORKER, TEST):
    number = system_call("pidfd_open", pid, 0)
    for wanted in range(10):
        if number >= 0: must_be_refused("pidfd_getfd", number, wanted, 0)
        must_fail("open", os.open, f"/proc/{pid}/fd/{wanted}", os.O_RDWR)
    must_be_refused("kcmp", os.getpid(), pid, 0, 0, 0)`,
    unconfined: true,
  },
  {
    name: "slows a process down",
    code: `
attempt(os.setpriority, os.PRIO_PROCESS, VICTIM, 19)
attempt(os.setpriority, os.PRIO_PROCESS, WORKER, 19)
if not HARMLESS: must_fail("priority of a user", os.setpriority, os.PRIO_USER, 0, 19)
attempt(os.sched_setaffinity, VICTIM, {0})
attempt(os.sched_setaffinity, WORKER, {0})
attempt(os.sched_setscheduler, VICTIM, os.SCHED_IDLE, os.sched_param(0))
attempt(os.sched_setscheduler, WORKER, os.SCHED_IDLE, os.sched_param(0))
system_call("ioprio_set", 1, VICTIM, 3 << 13)
system_call("sched_setattr", VICTIM, struct.pack("=IIQiIQQQ", 48, 5, 0, 0, 0, 0, 0, 0), 0)`,
    unconfined: true,
  },
  {
    name: "takes a process its limits",
    code: `
import resource
for pid in (VICTIM, WORKER):
    for kind in (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
        attempt(resource.prlimit, pid, kind, (1, 1))`,
    unconfined: true,
  },
  {
    name: "drives a process out of memory",
    code: `
advice = struct.pack("@PN", 0, 1 << 46)
for pid in (VICTIM, WORKER):
    number = system_call("pidfd_open", pid, 0)
    if number >= 0: must_be_refused("process_madvise", number, advice, 1, 21, 0)  # MADV_PAGEOUT
    must_be_refused("move_pages", pid, 0, None, None, None, 2)
    must_be_refused("migrate_pages", pid, 8, struct.pack("=Q", 1), struct.pack("=Q", 1))`,
  },
  {
    name: "watches a process or the machine by performance counters",
    code: `
attributes = struct.pack("=IIQQQQQ", 1, 120, 1, 0, 0, 0, 0).ljust(120, bytes(1))
for pid in (0, VICTIM, WORKER, -1):
    must_be_refused("perf_event_open", attributes, pid, 0 if pid == -1 else -1, -1, 0)`,
  },
];
