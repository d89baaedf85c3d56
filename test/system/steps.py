"""Running programs here, waiting, and saying what goes on."""

import subprocess
import sys
import time


class Failure(Exception):
    """The run cannot go on; the message says why."""


def say(text):
    """Prints a line of progress."""
    print("==> " + text, file=sys.stderr, flush=True)


def run(command, timeout=300):
    """Runs a program of this machine to its end and returns its output. Raises Failure if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              errors="replace", check=False)
    except subprocess.TimeoutExpired:
        raise Failure("%s did not end within %d s" % (" ".join(command), timeout)) from None
    if done.returncode != 0:
        last = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-8:])
        raise Failure("%s failed (%d): %s" % (" ".join(command), done.returncode, last))
    return done.stdout


def wait_for(condition, seconds, what, pause=0.02):
    """Calls `condition` until it returns something true, and returns that. Raises Failure after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure("waited %g s in vain for %s" % (seconds, what() if callable(what) else what))
        time.sleep(pause)
