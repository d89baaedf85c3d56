"""A machine of a test's own, made of this one: changes to its files and its network are nobody else's, and end with it.

The daemon and its command are where packages put them. There is no systemd: `systemctl` is a program of ours that ends,
starts and reloads the daemon, and notes everything else.
"""

import os
import re
import signal
import subprocess
import sys
import time

_CHANGED = ["etc", "var", "usr/local", "usr/bin", "usr/sbin"]
_CONFIGURATION = "/etc/ddskeyd/ddskeyd.textproto"
_PID = "/run/test/ddskeyd.pid"
_LOG = "/run/test/ddskeyd.log"
CALLS = "/run/test/systemctl.calls"

_SYSTEMCTL = """#!/bin/sh
echo "$*" >>%(calls)s
# One that has ended, and that nobody waits for, has no program.
running() { test -s %(pid)s && readlink "/proc/$(cat %(pid)s)/exe" >/dev/null; }
case "$*" in
  *--quiet\\ ddskeyd) running ;;
  reload\\ ddskeyd) kill -HUP "$(cat %(pid)s)" ;;
  restart\\ ddskeyd)
    if running; then
      kill "$(cat %(pid)s)"
      while running; do sleep 0.02; done
    fi
    setsid ddskeyd >>%(log)s 2>&1 </dev/null &
    echo $! >%(pid)s
    ;;
esac
""" % {"calls": CALLS, "pid": _PID, "log": _LOG}


def enter():
    """Runs this program again on a machine of its own; returns there."""
    if os.environ.get("DDSKEY_OWN_MACHINE") != "yes":
        os.environ["DDSKEY_OWN_MACHINE"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                              "--propagation", "private", sys.executable] + sys.argv)
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    programs = {name: os.path.abspath(path) for name, path in (
        ("/usr/sbin/ddskeyd", "daemon/ddskeyd"), ("/usr/bin/ddskeyctl", "client/cli/ddskeyctl"))}
    run("ip link set lo up && mount -t tmpfs tmpfs /mnt")
    for folder in _CHANGED:
        run("mkdir -p /mnt/up/%(f)s /mnt/work/%(f)s && mount -t overlay overlay -o "
            "lowerdir=/%(f)s,upperdir=/mnt/up/%(f)s,workdir=/mnt/work/%(f)s /%(f)s" % {"f": folder})
    run("mount -t tmpfs -o mode=0755 tmpfs /run && mkdir /run/test")
    for name, path in programs.items():
        run("ln -sf %s %s" % (path, name))
    write("/usr/bin/systemctl", _SYSTEMCTL, 0o755)
    write("/etc/hosts", "127.0.0.1 localhost collector.example ca.example\n")
    write("/etc/passwd", read("/etc/passwd") + "robot:x:4217:4217::/:/usr/sbin/nologin\n")
    write("/etc/group", read("/etc/group") + "robot:x:4217:\n")


def run(script, folder="/", expect=0):
    """Runs a script of the shell and returns what it printed, its errors included. Fails unless it ends with `expect`."""
    done = subprocess.run(["sh", "-e", "-c", script], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False, timeout=60)
    if done.returncode != expect:
        raise AssertionError("status %d instead of %d\n%s\n%s" % (done.returncode, expect, script, done.stdout))
    return done.stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def until(condition, what, seconds=20):
    """Waits until `condition` is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError("waited in vain: " + what)
        time.sleep(0.05)


class Daemon:
    """The real ddskeyd, as systemd would run it but for its sandbox."""

    def __init__(self, policy, configuration=""):
        write(_CONFIGURATION, configuration)
        write("/etc/ddskeyd/policy.textproto", policy)
        run("rm -rf /var/lib/ddskeyd && install -d -m 0700 /var/lib/ddskeyd && install -d /run/ddskeyd")
        run("systemctl restart ddskeyd")
        self.wait()

    def wait(self):
        """Waits until it answers."""
        until(lambda: subprocess.run(["ddskeyctl", "key", "list"], capture_output=True, check=False).returncode == 0,
              "the daemon answers\n" + read(_LOG))

    def log(self):
        return read(_LOG)

    def stop(self):
        os.kill(int(read(_PID)), signal.SIGTERM)
        until(lambda: run("systemctl is-active --quiet ddskeyd && echo yes || true") == "", "the daemon ends")


class Server:
    """A program that runs until stopped."""

    def __init__(self, *command, user=None, groups=None):
        identity = {} if user is None else {"user": user, "group": user, "extra_groups": groups or []}
        self._output = "/run/test/%s.%d" % (os.path.basename(command[0]), time.monotonic_ns())
        with open(self._output, "wb") as output:
            # Those of systemd are watched by nobody here.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **identity)

    def output(self):
        return read(self._output)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def exec_start(unit):
    """The command that a unit starts."""
    return re.search(r"^ExecStart=(.+)$", read(unit), re.MULTILINE).group(1)
