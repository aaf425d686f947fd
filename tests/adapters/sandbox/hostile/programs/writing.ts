import type { HostileProgram } from "../hostile-program.ts";

/** Anywhere but into the scratch directory. */
export const writing: HostileProgram[] = [
  {
    name: "makes files, directories, links and pipes everywhere",
    code: `
open("own", "w").close()
for place in PLACES:
    for make in (
        lambda path: open(path, "x"),
        lambda path: os.mkdir(path),
        lambda path: os.symlink("/", path),
        lambda path: os.link("own", path),
        lambda path: os.mkfifo(path),
        lambda path: os.mknod(path, 0o600),
        lambda path: os.rename("own", path),
        lambda path: socket.socket(socket.AF_UNIX).bind(path),
    ):
        # /dev/shm inside is another one than outside, and emptied: what counts is what is there afterwards
        attempt(make, f"{place}/left-{MARKER}")`,
    unconfined: true,
  },
  {
    name: "changes a file that everybody may change",
    code: `
for mode in ("w", "a", "r+", "rb+"):
    file = attempt(open, f"{FOLDER}/writable", mode)
    if file: file.write("x" if "b" not in mode else b"x")`,
    unconfined: true,
  },
  {
    name: "truncates a file by its path",
    code: `
attempt(os.truncate, f"{FOLDER}/writable", 1)
system_call("truncate", f"{FOLDER}/writable".encode(), 0)`,
    unconfined: true,
  },
  {
    name: "changes the mode, times, owner and attributes of a file",
    code: `
for path in (FOLDER, f"{FOLDER}/writable", HOME, REPOSITORY):
    if HARMLESS and not path.startswith(FOLDER): continue
    attempt(os.chmod, path, 0o700)
    attempt(os.utime, path, (1, 1))
    attempt(os.chown, path, os.getuid(), os.getgid())
    attempt(os.setxattr, path, "user.hostile", b"x")
    number = attempt(os.open, path, os.O_RDONLY)
    if number is not None:
        attempt(os.fchmod, number, 0o700)
        attempt(os.utime, number, (1, 1))`,
    unconfined: true,
  },
  {
    name: "removes and renames files",
    code: `
attempt(os.rename, f"{FOLDER}/private", f"{FOLDER}/renamed")
attempt(os.rename, f"{FOLDER}/writable", "taken")
attempt(os.unlink, f"{FOLDER}/writable")
attempt(os.unlink, f"{FOLDER}/renamed")
attempt(os.rmdir, FOLDER)`,
    unconfined: true,
  },
  {
    name: "writes through links in its own directory",
    code: `
os.symlink(f"{FOLDER}/writable", "file")
os.symlink(FOLDER, "folder")
attempt(os.link, f"{FOLDER}/writable", "hard")
for path in ("file", "folder/writable", "folder/new", "hard"):
    file = attempt(open, path, "a")
    if file: file.write("x")`,
    unconfined: true,
  },
  {
    name: "leaves links to directories for the one who cleans up",
    code: `
os.symlink(FOLDER, "folder")
os.makedirs("a/b/c")
os.symlink(FOLDER, "a/b/c/folder")
os.symlink(f"{FOLDER}/writable", "a/b/removed-0")
os.symlink("..", "up")
os.symlink("loop", "loop")
os.mkdir("closed"); os.symlink(FOLDER, "closed/folder"); os.chmod("closed", 0)`,
  },
  {
    name: "puts links where the next program will be written",
    code: `
os.remove("program.py")
os.symlink(f"{FOLDER}/writable", "program.py")
for number in range(5):
    attempt(os.remove, f"earlier-{number}.py")
    os.symlink(f"{FOLDER}/new", f"earlier-{number}.py")`,
  },
  {
    name: "swaps directories for links while they are emptied",
    code: `
os.makedirs("swapped/below")
def swap():
    os.setsid()
    while True:
        try:
            os.rename("swapped", "aside")
            os.symlink(FOLDER, "swapped")
            os.remove("swapped")
            os.rename("aside", "swapped")
        except OSError: os.makedirs("swapped/below", exist_ok=True)
for _ in range(3):
    if os.fork() == 0: swap()
time.sleep(0.1)`,
  },
  {
    name: "moves its own directory away",
    code: `
here = os.getcwd()
attempt(os.rename, here, f"{FOLDER}/moved")
attempt(os.rename, here, f"{here}-{MARKER}")
attempt(os.rmdir, here)
attempt(os.remove, "program.py")
attempt(os.rmdir, here)
attempt(os.symlink, FOLDER, here)`,
  },
  {
    name: "changes the libraries that the next program imports",
    code: `
import json, numpy, sympy
for module in (json, numpy, sympy, os):
    folder = os.path.dirname(module.__file__)
    for path in (module.__file__, f"{folder}/left-{MARKER}", f"{folder}/__pycache__/left-{MARKER}.pyc"):
        for mode in ("a", "r+"):
            must_fail(path, open, path, mode)
    must_fail(folder, os.mkdir, f"{folder}/left-{MARKER}")
    attempt(os.utime, module.__file__, (1, 1))
    attempt(os.chmod, module.__file__, 0)
    if os.stat(module.__file__).st_mtime == 1 or not os.stat(module.__file__).st_mode & 0o400: escaped("changed " + folder)
for path in sys.path[1:]:
    must_fail(path, open, f"{path}/left-{MARKER}.pth", "w")`,
  },
  {
    name: "changes settings of the kernel and of other processes",
    code: `
for path in ("/proc/sys/kernel/hostname", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/core_pattern",
             f"/proc/{VICTIM}/oom_score_adj", f"/proc/{VICTIM}/comm", f"/proc/{WORKER}/oom_score_adj", "/proc/1/comm",
             "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled", "/proc/sysrq-trigger",
             "/sys/fs/cgroup/cgroup.procs", f"/proc/{WORKER}/comm", f"/proc/{WORKER}/clear_refs"):
    must_fail(path, open, path, "w")
must_be_refused("sethostname", MARKER.encode(), len(MARKER))
must_be_refused("setdomainname", MARKER.encode(), len(MARKER))
must_be_refused("clock_settime", 0, struct.pack("@qq", int(time.time()), 0))
must_be_refused("swapon", b"program.py", 0)
must_be_refused("acct", b"program.py")`,
  },
  {
    name: "opens a file again, with more rights than it was opened with",
    code: `
import json
number = os.open(json.__file__, os.O_RDONLY)
for path in (f"/proc/self/fd/{number}", f"/dev/fd/{number}", f"/proc/thread-self/fd/{number}"):
    must_fail(path, os.open, path, os.O_WRONLY)
must_fail("mapping", mmap.mmap, number, 10, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)`,
  },
  {
    name: "leaves a core dump",
    code: `
import resource
must_fail("limit", resource.setrlimit, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
attempt(os.chdir, FOLDER)
os.abort()`,
    outcomes: ["crashed"],
  },
];
