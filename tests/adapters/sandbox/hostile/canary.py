# What a program can see of the state it starts in. Whoever came before it is not to make a difference.
import builtins, decimal, gc, json, locale, math, os, random, resource, signal, stat, sys, threading, time, warnings
import mpmath, numpy, sympy


def told(look, *arguments):
    try:
        return look(*arguments)
    except OSError as error:
        return type(error).__name__


def text(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "replace")


def is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False


umask = os.umask(0o22)
print(json.dumps({
    "directory": told(lambda: sorted(os.listdir("."))),
    "shared memory": told(lambda: sorted(os.listdir("/dev/shm"))),
    "directory's mode": stat.filemode(os.stat(".").st_mode),
    "directory's attributes": told(lambda: os.listxattr(".")),
    "source": len(text(__file__)),
    "working directory": os.getcwd() == os.path.dirname(__file__),
    "environment": sorted(os.environ),
    "path": sys.path[1:],
    "modules": len(sys.modules),
    "importers": [type(finder).__name__ for finder in sys.meta_path] + [len(sys.path_hooks)],
    "builtins": sorted(f"{name} {type(value).__name__} {getattr(value, '__module__', '')}" for name, value in vars(builtins).items()),
    "from where": [sys.modules[name].__file__ for name in ("json", "numpy", "sympy", "decimal", "random")],
    "customised": [name in sys.modules for name in ("sitecustomize", "usercustomize")],
    "numbers": [2 + 2, math.pi, str(sympy.sqrt(8)), str(mpmath.mp.dps), str(numpy.geterr()), str(decimal.getcontext())],
    "printing": [repr(sympy.Rational(1, 3)), repr(numpy.array([0.1])), str(sympy.pi), len(str(sys.displayhook))],
    "random": [random.random(), numpy.random.rand(), sympy.core.random.random()],
    "switches": [sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), gc.get_threshold()],
    "hooks": [sys.gettrace() is None, sys.getprofile() is None, sys.excepthook is sys.__excepthook__],
    "locale": [locale.setlocale(locale.LC_ALL), time.tzname],
    "warnings": len(warnings.filters),
    "threads": threading.active_count(),
    "umask": umask,
    "limits": [resource.getrlimit(n) for n in range(16) if n not in (resource.RLIMIT_CPU, resource.RLIMIT_AS)],
    "priority": [os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0)],
    "signals": [str(signal.getsignal(n)) for n in range(1, 32)] + [str(signal.pthread_sigmask(signal.SIG_BLOCK, []))],
    "timers": [signal.getitimer(n) for n in range(3)],
    "files": [number for number in range(256) if is_open(number)],
    "worker": [os.getppid(), told(lambda: text("/proc/1/stat").split()[21])],
    "keys": told(lambda: [line.split()[-2:] for line in text("/proc/keys").splitlines()]),
    "system V": [told(text, f"/proc/sysvipc/{kind}") for kind in ("shm", "sem", "msg")],
    "groups": [os.getresuid(), os.getresgid(), os.getgroups()],
}, indent=1))
