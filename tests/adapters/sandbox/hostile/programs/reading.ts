import type { HostileProgram } from "../hostile-program.ts";

/** At what is none of its business: files, environments, the memory of processes. */
export const reading: HostileProgram[] = [
  {
    name: "looks for the files of other programs",
    code: `
for top in (os.getcwd(), "..", "../..", "/tmp", "/dev/shm", "/var/tmp", "/run"):
    for folder, folders, files in os.walk(top):
        if folder.count("/") > 6: folders.clear()
        for name in files:
            if name in ("own", "private") or name.endswith(".py") and "sctir" in folder and folder != os.getcwd():
                file = attempt(open, f"{folder}/{name}", errors="replace")
                if file: print(folder, file.read(1000))`,
    unconfined: true,
  },
  {
    name: "reads a file that everybody may read",
    code: `
for path in (f"{FOLDER}/private", f"/proc/self/root{FOLDER}/private", f"/proc/1/root{FOLDER}/private", f"//../..{FOLDER}/private"):
    file = attempt(open, path)
    if file: print(file.read())`,
    unconfined: true,
  },
  {
    name: "reads a file by way of directories",
    code: `
directory = attempt(os.open, "/", os.O_PATH)
for part in FOLDER.strip("/").split("/"):
    directory = attempt(os.open, part, os.O_PATH | os.O_DIRECTORY, dir_fd=directory) if directory else None
if directory:
    number = attempt(os.open, "private", os.O_RDONLY, dir_fd=directory)
    if number: print(os.read(number, 100))
    number = attempt(os.open, "private", os.O_PATH, dir_fd=directory)
    file = attempt(open, f"/proc/self/fd/{number}") if number else None
    if file: print(file.read())`,
    unconfined: true,
  },
  {
    name: "reads a file from its directory",
    code: `
attempt(os.chdir, FOLDER)
file = attempt(open, "private")
if file: print(file.read())`,
    unconfined: true,
  },
  {
    name: "reads a file through a link",
    code: `
attempt(os.symlink, f"{FOLDER}/private", "link")
attempt(os.symlink, FOLDER, "links")
attempt(os.link, f"{FOLDER}/private", "hard")
for path in ("link", "links/private", "hard"):
    file = attempt(open, path)
    if file: print(file.read())`,
    unconfined: true,
  },
  {
    name: "reads a file by its handle",
    code: `
handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
mount = ctypes.c_int()
paths = [f"{FOLDER}/private", "/", "/usr", sys.prefix]
for path in paths:
    if system_call("name_to_handle_at", -100, path.encode(), handle, ctypes.byref(mount), 0) < 0: continue
    for root in (FOLDER, "/usr", "."):
        directory = attempt(os.open, root, os.O_RDONLY)
        if directory is None: continue
        number = system_call("open_by_handle_at", directory, handle, os.O_RDONLY)
        if number >= 0: escaped(f"opened {path} by its handle in {root}")
# The root of a file system is mostly inode 2: who opens it by number has all of it, whatever is mounted where.
struct.pack_into("=IiII", handle, 0, 8, 1, 2, 0)
for root in ("/usr", sys.prefix, "."):
    directory = attempt(os.open, root, os.O_RDONLY)
    if directory is not None and system_call("open_by_handle_at", directory, handle, os.O_RDONLY) >= 0:
        escaped(f"opened the root of the file system of {root}")`,
  },
  {
    name: "lets another program read a file",
    code: `
import subprocess
subprocess.run(["cat", f"{FOLDER}/private", "/etc/shadow"], stderr=subprocess.DEVNULL)
subprocess.run(["/bin/sh", "-c", f'cat < "{FOLDER}/private"'], stderr=subprocess.DEVNULL, cwd="/usr")`,
    unconfined: true,
  },
  {
    name: "reads the passwords and accounts of the machine",
    code: `
for path in ("/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/ssh/ssh_host_rsa_key", "/etc/sudoers", "/etc/hostname", "/etc/resolv.conf"):
    must_fail(path, open, path)`,
  },
  {
    name: "looks into the user's home",
    code: `
ways = {os.path.relpath(path, HOME).split(os.sep)[0] for path in sys.path + [sys.prefix, sys.base_prefix]}
names = set(attempt(os.listdir, HOME) or []) - ways  # the interpreter may lie there
if names: escaped(f"home holds {names}")
for name in (".profile", ".bashrc", ".ssh/id_rsa", ".netrc", ".npmrc", ".gitconfig", ".bash_history", ".config", ".cache", ".ssh"):
    path = os.path.join(HOME, name)
    must_fail(path, open, path)
    must_fail(path, os.listdir, path)`,
  },
  {
    name: "reads the repository",
    code: `
for name in ("package.json", ".git/config", ".git/HEAD", "README.md", "pipeline/cli/main.ts", "configs", "results"):
    path = os.path.join(REPOSITORY, name)
    file = attempt(open, path)
    if file: print(file.read())
    must_fail(path, os.listdir, path)`,
    unconfined: true,
  },
  {
    name: "reads the environments of all processes",
    code: `
pids = [name for name in attempt(os.listdir, "/proc") or range(1, 10000) if str(name).isdigit()]
for pid in [VICTIM, TEST, WORKER, "self", "thread-self", *pids]:
    file = attempt(open, f"/proc/{pid}/environ", errors="replace")
    text = attempt(file.read) if file else None
    if text: print(text)
print(os.environ, os.environb)`,
    unconfined: true,
  },
  {
    name: "reads the memory of a process",
    code: `
for pid in (VICTIM, TEST, WORKER, 1):
    for path in (f"/proc/{pid}/mem", f"/proc/{pid}/maps", f"/proc/{pid}/stack", f"/proc/{pid}/fd/0", f"/proc/{pid}/cwd/x", f"/proc/{pid}/exe"):
        file = attempt(open, path, "rb")
        try:
            if file and file.read(1): escaped(path)
        except OSError: pass`,
    unconfined: true,
  },
  {
    name: "reads the memory of the machine, its disks and its log",
    code: `
for path in ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/kmsg", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/fuse", "/dev/kvm", "/dev/vsock", "/proc/kpagecount"):
    must_fail(path, open, path, "rb")
must_be_refused("syslog", 3, ctypes.create_string_buffer(1000), 1000)`,
  },
  {
    name: "looks for secrets in its own memory",
    code: `
import re
file = attempt(open, "/proc/self/maps")
found = set()
for line in file or []:
    area, rights = line.split()[:2]
    if "r" not in rights or "[v" in line: continue
    start, end = (int(part, 16) for part in area.split("-"))
    data = ctypes.string_at(start, end - start)
    found.update(re.findall(rb"secret-[0-9a-f]{8}-[0-9a-f-]+", data))
print(found)`,
  },
  {
    name: "goes through the frames and objects of the worker",
    code: `
import gc
frame = sys._getframe()
while frame:
    print({name: value for name, value in frame.f_locals.items() if name != "variables"}, list(frame.f_globals)[:100])
    frame = frame.f_back
print([x for x in gc.get_objects() if isinstance(x, dict) and "HOME" in x])`,
  },
];
