"""Runs a command as the parent that its orphans come to: it ends when the command and all below it have ended.

    kill-storm-parent.py [--terminal] COMMAND [ARGUMENT ...]

On descriptor 3 it writes the command's process number, then its exit code: negative for a signal. With --terminal the
command has a terminal of its own: what comes in is typed there, and it is closed when standard input ends.
"""

from __future__ import annotations

import ctypes
import os
import pty
import select
import signal
import sys
import threading

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
prctl = ctypes.CDLL(None).prctl


def relay(terminal: int) -> None:
    while True:
        ready, _, _ = select.select([terminal, 0], [], [])
        if 0 in ready:
            typed = os.read(0, 1 << 16)
            if not typed:
                os.close(terminal)
                return
            os.write(terminal, typed)
        if terminal in ready:
            try:
                os.write(1, os.read(terminal, 1 << 16))
            except OSError:
                return  # nobody has it open any more


def tell(text: str) -> None:
    os.write(3, f"{text}\n".encode())


def main() -> None:
    has_terminal = sys.argv[1] == "--terminal"
    command = sys.argv[2 if has_terminal else 1 :]
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.set_inheritable(3, False)
    pid, terminal = pty.fork() if has_terminal else (os.fork(), -1)
    if pid == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
        os.execv(command[0], command)
    tell(str(pid))
    relaying = threading.Thread(target=relay, args=[terminal], daemon=True)
    if has_terminal:
        relaying.start()
    while True:
        try:
            ended, status = os.wait()
        except ChildProcessError:
            break
        if ended == pid:
            tell(str(os.waitstatus_to_exitcode(status)))
    if has_terminal:
        relaying.join(10)  # what was printed last
    os._exit(0)


main()
