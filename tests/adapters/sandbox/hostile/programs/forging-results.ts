import type { HostileProgram } from "../hostile-program.ts";

const forged = `
import json
def reply(number): return json.dumps({"id": number, "outcome": "ok", "stdout": "forged", "stderr": "", "outputBytes": 6, "milliseconds": 1, "cpuMilliseconds": 1, "peakMemoryMiB": 1}).encode() + b"\\n"
forged = b"".join(reply(number) for number in range(1000))
`;

/** Frames of the worker that stand below the program. */
const workersOwn = `
def objects():
    frame = sys._getframe()
    while frame:
        yield from list(frame.f_locals.values())
        frame = frame.f_back
    yield from vars(sys.modules["__main__"]).values()
workers = [x for x in objects() if type(x).__name__ == "Worker"]
print(len(workers))
`;

/** What program and worker share, found by its kind: mapped memory that is not of a file. */
const shared = `
def memories_in(x, depth):
    if isinstance(x, mmap.mmap): yield x
    elif depth and not isinstance(x, (type(sys), type)):
        inner = list(getattr(x, "__dict__", {}).values()) if hasattr(x, "__dict__") else []
        inner += [cell.cell_contents for cell in getattr(x, "__closure__", None) or () if cell]
        for y in inner: yield from memories_in(y, depth - 1)
frame, memories = sys._getframe(), []
while frame:
    for x in list(frame.f_locals.values()):
        memories.extend(memories_in(x, 3))
    frame = frame.f_back
areas = []
for line in attempt(open, "/proc/self/maps") or []:
    if " rw-s " in line:
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        areas.append((start, end - start))
print(len(memories), len(areas))
`;

/** Results, or the worker's mind. */
export const forgingResults: HostileProgram[] = [
  {
    name: "writes a result to every descriptor it has",
    code: `${forged}
own = [os.fstat(number).st_ino for number in (1, 2)]
for number in range(3, 2048):
    try:
        if os.fstat(number).st_ino in own: continue  # its output, twice
        os.write(number, forged)
        escaped(f"wrote to {number}")
    except OSError: pass
os._exit(3)`,
    outcomes: ["error"],
  },
  {
    name: "writes a result to every descriptor it can open",
    code: `${forged}
for pid in (1, "self", WORKER, TEST):
    for number in range(0, 64):
        if pid == "self" and number in (1, 2): continue
        for mode in (os.O_WRONLY, os.O_RDWR):
            opened = attempt(os.open, f"/proc/{pid}/fd/{number}", mode | os.O_NONBLOCK)
            if opened is None: continue
            attempt(os.write, opened, forged)
            os.close(opened)
os._exit(3)`,
    outcomes: ["error"],
  },
  {
    name: "prints a result",
    code: `${forged}
os.write(1, forged[:500])
os.write(2, forged[:500])
os._exit(3)`,
    outcomes: ["error"],
  },
  {
    name: "lets its worker answer for it",
    code: `${workersOwn}
for worker in workers:
    for number in (worker.replies, 1, 2):
        worker.replies = number
        for call in (lambda: worker.reply({"id": 1, "outcome": "ok", "stdout": "forged"}), worker.serve, lambda: worker.requests.fill()):
            try: call()
            except BaseException as error: print(type(error).__name__)
os._exit(3)`,
    outcomes: ["error"],
  },
  ...[
    ["stops its clock", "value = time.monotonic() + 1e6"],
    ["sets its clock to no number", 'value = float("nan")'],
    ["sets its clock back to before its start", "value = 0.0"],
  ].map(([name = "", assignment = ""]) => ({
    name,
    code: `${shared}
${assignment}
data = struct.pack("=512d", *[value] * 512)
start = time.monotonic()
while time.monotonic() < start + 15:
    for memory in memories:
        try: memory[:] = data[:len(memory)]
        except (ValueError, TypeError): pass
    for address, size in areas: ctypes.memmove(address, data, min(size, len(data)))
    time.sleep(0.001)
escaped("had 15 seconds")`,
    outcomes: ["timeout"] as const,
    timeoutSeconds: 0.3,
  })),
  {
    name: "leaves numbers that are none in what it shares with its worker",
    code: `${shared}
for memory in memories:
    try: memory[:] = struct.pack("=512d", *[float("nan")] * 512)[:len(memory)]
    except ValueError: pass
for address, size in areas: ctypes.memset(address, 255, size)
os._exit(3)`,
    outcomes: ["error", "memory"],
  },
  {
    name: "closes every descriptor",
    code: "os.closerange(0, 4096)",
    outcomes: ["ok", "error"],
  },
  {
    name: "closes its streams and goes on",
    code: `
os.closerange(0, 4096)
while True: time.sleep(100)`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "reads back its own output, so that its worker gets none",
    code: `
reader = attempt(os.open, "/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
for _ in range(100):
    os.write(1, b"x" * 1000)
    if reader is not None: attempt(os.read, reader, 1 << 16)
os._exit(3)`,
    outcomes: ["error"],
  },
  {
    name: "makes its pipes small, and blocks on them",
    code: `
import fcntl
for number in (1, 2):
    attempt(fcntl.fcntl, number, 1031, 4096)
    attempt(os.set_blocking, number, False)
    attempt(fcntl.fcntl, number, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK | getattr(os, "O_DIRECT", 0))
print("done")`,
    stdout: "done\n",
  },
  {
    name: "leaves the other end of its output to a process that goes on writing",
    code: `
if os.fork() == 0:
    os.setsid()
    while True: attempt(os.write, 1, b"y" * 1000)
os._exit(0)`,
    outcomes: ["ok", "output-limit"],
  },
  {
    name: "pesters its worker with the news of dead children",
    code: `
for _ in range(100):
    if attempt(os.fork) == 0: os._exit(0)
    attempt(os.kill, WORKER, signal.SIGCHLD)
    attempt(os.waitpid, -1, os.WNOHANG)
for _ in range(20):
    time.sleep(0.001)
    attempt(os.waitpid, -1, os.WNOHANG)
    if attempt(os.fork) == 0:
        attempt(os.fork)
        os._exit(0)
print("done")`,
    stdout: "done\n",
  },
];
