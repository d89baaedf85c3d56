"""A place of its own for the demo: a folder, a network with nothing but loopback, and process ids of its own.

Whatever runs inside dies with the first process of it, and the folder is removed by a process outside, so nothing stays
behind however the demo ends.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile

# From <sched.h>, <sys/mount.h> and <sys/prctl.h>.
_CLONE_NEWNS = 0x00020000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_PRIVATE = 0x40000
_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


class Interrupted(Exception):
    """Somebody asked the demo to stop."""


def _check(result, doing):
    if result != 0:
        error = ctypes.get_errno()
        sys.exit("cannot %s: %s (the demo needs root, also in a container: CAP_SYS_ADMIN)" % (doing, os.strerror(error)))


def _interrupt(number, frame):
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted()


def _inside(work, folder):
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        # What is mounted over /proc here must not appear outside.
        _check(_libc.mount(b"none", b"/proc", None, _MS_PRIVATE, None), "make /proc private")
        _check(_libc.mount(b"proc", b"/proc", b"proc", 0, None), "mount /proc")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return work(folder)
    except Interrupted:
        print("interrupted", file=sys.stderr)
        return 130


def run_isolated(work, keep):
    """Calls `work(folder)` in a place of its own and returns the exit status it returns; removes the folder afterwards
    unless `keep`."""
    folder = tempfile.mkdtemp(prefix="ddskey-demo.", dir="/tmp")
    os.chmod(folder, 0o711)
    child = 0

    def forward(number, frame):
        if child:
            os.kill(child, number)

    for number in _SIGNALS:
        signal.signal(number, forward)
    try:
        flags = _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET
        _check(_libc.unshare(flags), "make namespaces")
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = _inside(work, folder)
            except BaseException as error:  # Never fall back into the code of the process outside.
                if not isinstance(error, SystemExit):
                    sys.excepthook(type(error), error, error.__traceback__)
                elif error.code is not None:
                    print(error.code, file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1
    finally:
        if keep:
            print("kept: " + folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
