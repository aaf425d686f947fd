import type { HostileProgram } from "../hostile-program.ts";

/** More of the machine than a program's share. */
export const exhaustion: HostileProgram[] = [
  {
    name: "forks without end",
    code: `
while True:
    try: os.fork()
    except OSError: pass`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "forks away from itself without end",
    code: `
def flee():
    while True:
        try:
            if os.fork() == 0: os.setsid()
            else: os._exit(0)
        except OSError: pass
for _ in range(8):
    if attempt(os.fork) == 0: flee()
time.sleep(0.3)`,
  },
  {
    name: "starts threads without end",
    code: `
import threading
count = 0
try:
    while count < 100000:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        count += 1
except (RuntimeError, MemoryError): pass
if count > 5000: escaped(f"{count} threads")
print("stopped", flush=True)
os._exit(0)`,
  },
  {
    name: "takes memory without end",
    code: `
kept = []
while True: kept.append(bytearray(1 << 24))`,
    outcomes: ["memory"],
    memoryMiB: 256,
  },
  {
    name: "takes memory at once, and past Python's own allocator",
    code: `
import numpy
for take in (lambda: bytearray(1 << 40), lambda: [0] * (1 << 36), lambda: numpy.zeros(1 << 37, dtype=numpy.uint8).fill(1), lambda: "x" * (1 << 38)):
    try:
        take()
        escaped("had it")
    except MemoryError: pass
if libc.malloc(ctypes.c_size_t(1 << 35)): escaped("malloc")`,
    memoryMiB: 256,
  },
  {
    name: "takes a process's share of memory in each of many processes",
    code: `
MEBIBYTES = 200
shared = mmap.mmap(-1, 4096)
for number in range(40):
    if attempt(os.fork) == 0:
        try:
            kept = []
            while len(kept) < MEBIBYTES:
                kept.append(b"x" * (1 << 20))
                shared[number] = len(kept)
        except MemoryError: pass
        time.sleep(100)
for _ in range(200):
    total = sum(shared[:40])
    if total > 8 * MEBIBYTES: escaped(f"{total} MiB"), os._exit(0)
    time.sleep(0.05)`,
    outcomes: ["memory"],
    memoryMiB: 256,
  },
  {
    name: "maps memory that is shared, reserved, or of a file",
    code: `
kept = []
def take(flags, number=-1):
    total = 0
    try:
        while total < 1 << 33:
            area = mmap.mmap(number, 1 << 26, flags)
            for at in range(0, 1 << 26, 4096): area[at] = 1
            kept.append(area)
            total += 1 << 26
    except (OSError, ValueError): pass
    if total > 1 << 30: escaped(f"{flags}: {total >> 20} MiB")
take(mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
kept.clear()
take(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
kept.clear()
take(mmap.MAP_PRIVATE, os.open("/dev/zero", os.O_RDWR))`,
    memoryMiB: 256,
  },
  {
    name: "hides memory in files that have no name",
    code: `
total = 0
for _ in range(200):
    number = system_call("memfd_create", b"hidden", 0)
    if number < 0: break
    try:
        for _ in range(8): total += os.write(number, bytes(1 << 23))
    except OSError: pass
    if total > 1 << 30: escaped(f"{total >> 20} MiB"); break`,
  },
  {
    name: "hides memory in pipes and sockets",
    code: `
import fcntl
kept, total = [], 0
try:
    while True:
        for pair in (os.pipe, lambda: tuple(s.detach() for s in socket.socketpair())):
            reader, writer = pair()
            kept += [reader, writer]
            attempt(fcntl.fcntl, writer, 1031, 1 << 20)  # F_SETPIPE_SZ
            os.set_blocking(writer, False)
            try:
                while True: total += os.write(writer, bytes(1 << 16))
            except BlockingIOError: pass
except OSError: pass
if total > 1 << 28: escaped(f"{total >> 20} MiB")`,
  },
  {
    name: "fills the disk with files",
    code: `
total, number = 0, 0
try:
    while total < 1 << 30:
        number += 1
        with open(f"file-{number}", "wb") as file:
            for _ in range(16): total += file.write(bytes(1 << 20)); file.flush()
except OSError: pass
time.sleep(0.3)
if total > 1 << 29: escaped(f"{total >> 20} MiB")
while total > 1 << 27: time.sleep(0.1)`,
    outcomes: ["ok", "error", "output-limit"],
  },
  {
    name: "fills the disk with one file",
    code: `
total = 0
try:
    with open("file", "wb", buffering=0) as file:
        while total < 1 << 30: total += file.write(bytes(1 << 20))
except OSError: pass
if total > 1 << 28: escaped(f"{total >> 20} MiB")
number = os.open("sparse", os.O_WRONLY | os.O_CREAT)
must_fail("a sparse file", os.ftruncate, number, 1 << 40)
must_fail("an allocated file", os.posix_fallocate, number, 0, 1 << 32)`,
  },
  {
    name: "fills the disk with files that are removed and still open",
    code: `
kept, total = [], 0
try:
    for number in range(200):
        file = open("file", "wb", buffering=0)
        os.remove("file")
        kept.append(file)
        for _ in range(16): total += file.write(bytes(1 << 20))
        if total > 1 << 29: break
except OSError: pass
time.sleep(0.3)
if total > 1 << 29: escaped(f"{total >> 20} MiB")
while total > 1 << 27: time.sleep(0.1)`,
    outcomes: ["ok", "error", "output-limit"],
  },
  {
    name: "uses up the files there can be",
    code: `
count = 0
try:
    while count < 300000:
        os.mkdir(f"d{count}") if count % 2 else os.mknod(f"f{count}")
        count += 1
except OSError: pass
escaped(f"{count} files")`,
    outcomes: ["output-limit", "timeout"], // where making files is slow
    timeoutSeconds: 0.3,
  },
  {
    name: "opens files without end",
    code: `
kept = []
try:
    while len(kept) < 10000: kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError: pass
if len(kept) > 1000: escaped(f"{len(kept)} files")
try: os.pipe()
except OSError: pass`,
  },
  {
    name: "nests directories without end",
    code: `
try:
    for depth in range(1000):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
except OSError: pass`,
    outcomes: ["ok", "output-limit"],
  },
  {
    name: "floods its output",
    code: `
block = b"x" * (1 << 20)
for _ in range(10240): os.write(1, block)
escaped("wrote 10 GB")`,
    outcomes: ["output-limit"],
  },
  {
    name: "floods its output from many processes that ignore signals",
    code: `
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP): signal.signal(number, signal.SIG_IGN)
for _ in range(10): attempt(os.fork)
while True: attempt(os.write, 1, b"x" * 65536)`,
    outcomes: ["output-limit"],
  },
  {
    name: "floods its errors",
    code: `
block = b"x" * (1 << 20)
for _ in range(10240): os.write(2, block)`,
    outcomes: ["timeout", "ok"],
    timeoutSeconds: 0.3,
  },
  {
    name: "raises an exception with a long text",
    code: `raise ValueError("x" * 50_000_000)`,
    outcomes: ["error"],
  },
  {
    name: "recurses without end",
    code: `
sys.setrecursionlimit(10**9)
def f(): return f()
f()`,
    memoryMiB: 64,
    outcomes: ["crashed", "memory", "error"],
  },
  {
    name: "recurses without end in C",
    code: `
sys.setrecursionlimit(10**9)
x = ()
for _ in range(10**6): x = (x,)
hash(x)`,
    outcomes: ["crashed", "memory", "error"],
  },
  {
    name: "computes in C without end",
    code: "print(10**10**8 % 7)",
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "searches without end",
    code: `
import re
re.match(r"(a|a|aa)+$", "a" * 60 + "b")`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "keeps every core busy in threads and processes",
    code: `
import threading
def spin():
    while True: pass
for _ in range(8):
    if attempt(os.fork) == 0: break
try:
    for _ in range(3): threading.Thread(target=spin).start()
except RuntimeError: pass
spin()`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "sleeps without end",
    code: "while True: time.sleep(1000)",
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "sets timers and signals itself without end",
    code: `
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
timer = ctypes.c_void_p()
for _ in range(100000):
    if libc.timer_create(1, None, ctypes.byref(timer)) != 0: break
while True: os.kill(os.getpid(), signal.SIGALRM)`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
];
