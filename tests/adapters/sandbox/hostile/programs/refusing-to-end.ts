import type { HostileProgram } from "../hostile-program.ts";

/** Programs, or parts of them, that mean to go on after their end. */
export const refusingToEnd: HostileProgram[] = [
  {
    name: "ignores every signal",
    code: `
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True: pass`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "catches every exception",
    code: `
while True:
    try:
        while True: time.sleep(1)
    except BaseException: pass
    finally: continue`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "leaves a daemon, forked twice, in a session and directory of its own",
    code: `
if os.fork() == 0:
    os.setsid()
    attempt(os.chdir, "/usr")
    if os.fork(): os._exit(0)
    for number in range(3): os.close(number)
    while True: time.sleep(100)
os.wait()`,
    unconfined: true,
  },
  {
    name: "leaves another program without an environment that holds its output open",
    code: `
libc.prctl(1, 0)  # not to end with its parent
if os.fork() == 0:
    os.setsid()
    attempt(os.chdir, "/usr")
    os.execve("/bin/sleep", ["sleep", MARKER], {})
time.sleep(0.1)`,
    unconfined: true,
  },
  {
    name: "leaves stopped processes",
    code: `
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        while True: os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(0.1)`,
    unconfined: true,
  },
  {
    name: "stops itself",
    code: "os.kill(os.getpid(), signal.SIGSTOP)",
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "leaves processes that are nobody's children",
    code: `
libc.prctl(36, 1, 0, 0, 0)  # adopts orphans itself
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(5):
    if os.fork() == 0:
        libc.prctl(36, 1, 0, 0, 0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            time.sleep(1000)
        os._exit(0)
time.sleep(0.1)`,
    unconfined: true,
  },
  {
    name: "replaces itself while a child goes on",
    code: `
if os.fork() == 0:
    while True: time.sleep(100)
os.execv("/bin/true", ["true"])`,
    unconfined: true,
  },
  {
    name: "leaves a child that goes on writing nothing",
    code: `
if os.fork() == 0:
    while True: attempt(os.write, 1, b"") or time.sleep(0.01)`,
    unconfined: true,
  },
  {
    name: "goes on when it should be over",
    code: `
import atexit
class Late:
    def __del__(self, sleep=time.sleep):
        while True: sleep(1)
late = Late()
def later():
    atexit.register(later)
    time.sleep(0.01)
atexit.register(later)`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "leaves threads",
    code: `
import threading
threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()
print("main is over")`,
    stdout: "main is over\n",
  },
  {
    name: "waits for a thread that does not end",
    code: `
import threading
threading.Thread(target=lambda: time.sleep(1000)).start()`,
    outcomes: ["timeout"],
    timeoutSeconds: 0.3,
  },
  {
    name: "ends at once, with success",
    code: `print("lost in a buffer", end="")\nos._exit(0)`,
    stdout: "",
  },
  { name: "ends with a status", code: "sys.exit(77)", outcomes: ["error"] },
  { name: "aborts", code: "os.abort()", outcomes: ["crashed"] },
  { name: "touches memory that is not there", code: "ctypes.string_at(0)", outcomes: ["crashed"] },
  { name: "kills itself", code: "os.kill(os.getpid(), signal.SIGKILL)", outcomes: ["crashed"] },
  { name: "kills itself and all it may", code: "attempt(os.kill, 0, signal.SIGKILL)", outcomes: ["crashed"] },
  {
    name: "overwrites its own memory",
    code: `
ctypes.memset(id(print), 255, 64)
ctypes.memset(id(2), 255, 28)
print(2)`,
    outcomes: ["crashed", "error", "memory"],
  },
];
