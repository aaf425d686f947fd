import type { HostileProgram } from "../hostile-program.ts";

/** What the next program is to find. `canary.py` is the next program. */
export const nextExecution: HostileProgram[] = [
  {
    name: "changes builtins",
    code: `
import builtins
builtins.len = lambda x: 4
builtins.str = lambda x="": "poisoned"
builtins.poisoned = True
builtins.__import__ = lambda *a, _original=__import__, **k: _original(*a, **k)`,
    outcomes: ["ok", "error"],
    unconfined: true,
  },
  {
    name: "changes modules that are loaded",
    code: `
import decimal, math, mpmath, numpy, random, sympy
math.pi = 3
sympy.sqrt = lambda x: 42
sympy.init_printing(pretty_print=False, wrap_line=False)
numpy.seterr(all="raise")
numpy.set_printoptions(precision=2)
mpmath.mp.dps = 5
decimal.getcontext().prec = 3
random.seed(1); random.random()
numpy.random.seed(1)`,
    unconfined: true,
  },
  {
    name: "changes small integers and constants in memory",
    code: `
import mpmath, sympy
ctypes.c_int.from_address(id(4) + 24).value = 5
type(sympy.pi).__str__ = lambda self: "3"`,
    unconfined: true,
  },
  {
    name: "puts modules of its own in the place of others",
    code: `
import types
for name in ("json", "decimal", "numpy", "random", "hostile_one", "sitecustomize"):
    module = types.ModuleType(name)
    module.__file__ = "poisoned"
    sys.modules[name] = module`,
    unconfined: true,
  },
  {
    name: "hooks the import system",
    code: `
class Finder:
    def find_spec(self, name, path=None, target=None): return None
sys.meta_path.insert(0, Finder())
sys.path_hooks.insert(0, lambda path: (_ for _ in ()).throw(ImportError))
sys.path_importer_cache.clear()
sys.path.append(os.getcwd())`,
    unconfined: true,
  },
  {
    name: "leaves modules in the directory of the next program",
    code: `
for name in ("json", "decimal", "sitecustomize", "usercustomize", "locale", "gc", "sympy", "script", "confinement", "processes", "preloading"):
    with open(f"{name}.py", "w") as file: file.write("raise SystemExit('poisoned')")
os.mkdir("numpy")
open("numpy/__init__.py", "w").close()
open("left.pth", "w").write("import os; os._exit(1)")
open("pyvenv.cfg", "w").write("home = /")`,
    unconfined: true,
  },
  {
    name: "leaves compiled modules",
    code: `
import importlib.util, json, numpy, py_compile
open("poison.py", "w").write("raise SystemExit('poisoned')")
for module in (json, numpy, os):
    cached = importlib.util.cache_from_source(module.__file__)
    must_fail(cached, lambda: os.replace(py_compile.compile("poison.py"), cached))
    must_fail(cached, lambda: open(cached, "r+b"))
os.makedirs("__pycache__", exist_ok=True)
py_compile.compile("poison.py", "__pycache__/json.cpython-311.pyc")
py_compile.compile("poison.py", "json.pyc")`,
    unconfined: true,
  },
  {
    name: "leaves files where the next program will stand",
    code: `
os.remove(__file__)
os.mkfifo(__file__)
open("earlier-1.py", "w").write("x")
os.makedirs("removed-0/removed-1/removed-0")
open(os.fsencode("name") + bytes([255, 10, 27]), "w").close()
open("closed", "w").close(); os.chmod("closed", 0)
os.mkdir("unreadable"); open("unreadable/file", "w").close(); os.chmod("unreadable", 0o100)
os.chmod("/dev/shm", 0o700) if os.access("/dev/shm", os.W_OK) and os.stat("/dev/shm").st_uid == os.getuid() else None`,
  },
  {
    name: "makes its directory useless",
    code: `
open("file", "w").close()
attempt(os.setxattr, ".", "user.left", b"x")
attempt(os.setxattr, ".", "system.posix_acl_default", struct.pack("=I", 2) + struct.pack("=HHI", 1, 7, 0xFFFFFFFF) + struct.pack("=HHI", 4, 7, 0xFFFFFFFF) + struct.pack("=HHI", 32, 7, 0xFFFFFFFF))
attempt(os.chmod, ".", 0)
attempt(os.chmod, "/tmp", 0)`,
  },
  {
    name: "leaves shared memory and semaphores",
    code: `
import multiprocessing.shared_memory
attempt(lambda: multiprocessing.shared_memory.SharedMemory("left", create=True, size=1000))
attempt(lambda: open("/dev/shm/left-too", "w").write("x"))
attempt(lambda: os.makedirs("/dev/shm/a/b/c"))
os._exit(0)`,
  },
  {
    name: "changes the environment",
    code: `
for name in ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "PYTHONHASHSEED", "LD_PRELOAD", "LD_LIBRARY_PATH", "TZ"):
    os.environ[name] = os.getcwd()
    os.putenv(name, os.getcwd())
os.environ["PATH"] = os.getcwd()
time.tzset()
os.chdir("/")
os.umask(0o777)`,
    unconfined: true,
  },
  {
    name: "changes the state of its process",
    code: `
import gc, locale, resource, threading, tracemalloc, warnings
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP): signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
signal.setitimer(signal.ITIMER_VIRTUAL, 100)
os.nice(5)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))
gc.disable()
gc.set_threshold(1)
sys.setswitchinterval(0.5)
sys.setrecursionlimit(900)
sys.addaudithook(lambda *_: None)
sys.settrace(lambda *_: None)
sys.excepthook = print
warnings.simplefilter("error")
threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
tracemalloc.start()
libc.personality(0x0040000)
libc.prctl(28, 0)`,
    unconfined: true,
  },
  {
    name: "locks what the next program needs",
    code: `
import fcntl, json
for path in (json.__file__, __file__, ".", "/usr"):
    number = attempt(os.open, path, os.O_RDONLY)
    if number is not None: attempt(fcntl.flock, number, fcntl.LOCK_EX | fcntl.LOCK_NB)
import threading
lock = threading.Lock()
lock.acquire()
import importlib._bootstrap
importlib._bootstrap._get_module_lock("json").acquire()
import logging
logging._lock.acquire()
os._exit(0)`,
  },
];
