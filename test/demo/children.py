"""Programs that the demo starts, and waiting for what they do."""

import os
import signal
import subprocess
import time

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Failure(Exception):
    """The demo cannot go on; the message says why."""


def wait_for(condition, seconds, what):
    """Calls `condition` until it returns something true, and returns that. Raises Failure when `seconds` have passed."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure("waited %d s in vain for %s" % (seconds, what))
        time.sleep(0.02)


class Child:
    """A running program with its output in a file."""

    def __init__(self, command, log, user=0, environment=None, folder="/"):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, user=user, group=user,
                extra_groups=[], env=dict(_ENVIRONMENT, **(environment or {})), start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, seconds):
        """Returns its exit status once it has ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("%s did not end within %d s" % (self.process.args[0], seconds)) from None

    def stop(self, seconds=10):
        """Asks it to end, and makes it."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(command, user=0, stdin=""):
    """Runs a program to its end and returns its output. Raises Failure if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, user=user, group=user, extra_groups=[],
                          env=_ENVIRONMENT, check=False)
    if done.returncode != 0:
        raise Failure("%s failed (%d): %s" % (" ".join(command), done.returncode, done.stderr.strip()))
    return done.stdout


def attempt(code, user, *arguments):
    """Runs a line of Python as `user`; returns None if it succeeded, else the exception's last line."""
    done = subprocess.run(["/usr/bin/python3", "-I", "-c", code, *arguments], capture_output=True, text=True, user=user,
                          group=user, extra_groups=[], env=_ENVIRONMENT, cwd="/", check=False)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def write(path, content, user=0, mode=0o644):
    """Makes a file that belongs to `user`."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(path, mode)
    os.chown(path, user, user)
    return path


def make_folder(path, user=0, mode=0o700):
    """Makes a folder that belongs to `user`."""
    os.mkdir(path)
    os.chmod(path, mode)
    os.chown(path, user, user)
    return path
