"""Types the commands of a page as a newcomer would, on a machine of their own.

The machine is this one's files under an overlay, with processes, network and mounts of its own: what the commands write
anywhere is gone afterwards. Our packages are unpacked on it; there is a TPM (swtpm) behind tpm2-abrmd. systemd does not
run there: setup/systemctl starts what a unit names. All blocks of the page that are marked <!-- run --> are sourced by
one shell, in order; setup/PAGE.sh says what stands around them. At the terminal sits somebody who answers every
question for a secret with the same words, and every other one with "yes". Root only.
"""

import argparse
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import termios
import time

import commands
import pages

_HERE = os.path.dirname(os.path.abspath(__file__))
_SECONDS = 150
_SECRET = "correct horse"
# What stands at the end of the output when somebody is asked.
_QUESTIONS = (
    (re.compile(rb"press TAB for no echo\)[^\n]{0,20}$"), _SECRET),
    (re.compile(rb"(?:PIN|[Pp]ass ?phrase|[Pp]assword|same again|Value for \w+)[^\n]{0,120}: ?$"), _SECRET),
    (re.compile(rb"(?:\[y/N\]|\[Y/n\]|\(y/n\)|yes/no|\[yes/No\])[^\n]{0,20}$"), "yes"),
)


def shell_of(block):
    """The text of a block as shell; of a cron table its jobs, one after the other, as their users."""
    if block.language != "cron":
        return block.text
    lines, environment = [], []
    for line in block.text.splitlines():
        if re.match(r"^[A-Z]+=", line):
            environment.append(shlex.quote(line))
        elif line.strip() and not line.startswith("#"):
            *_, user, command = line.split(None, 6)
            words = ["runuser", "-u", user, "--", "env", *environment, "sh", "-c", shlex.quote(command)]
            lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def script_of(page, folder):
    """Writes the blocks of a page to files in `folder`; returns the lines that run them."""
    lines = []
    for block in page.blocks:
        note = commands.note_of(block) if block.language in commands.RUN else None
        if note is None or not note.run:
            continue
        path = os.path.join(folder, "block-%d" % block.line)
        with open(path, "w", encoding="utf-8") as file:
            file.write(shell_of(block))
        lines.append("run_block %s %s '%s'" % (os.path.basename(path), note.name or "''", block))
    if not lines:
        raise ValueError("%s has no block that is marked <!-- run -->" % page.path)
    return lines


def wait_for_silence(terminal):
    """Waits until a terminal does not show what is typed: who asks for a secret forgets what was typed before. Those
    who look at each key themselves never get there."""
    end = time.monotonic() + 2
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < end:
        time.sleep(0.01)


def talk(process, terminal, seconds):
    """Copies what a program writes to its terminal, and answers its questions; returns its exit status."""
    pending, end = b"", time.monotonic() + seconds
    while True:
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
            print("\nit took longer than %d s" % seconds)
            os.waitpid(process, 0)
            return 1
        ready, _, _ = select.select([terminal], [], [], 0.5)
        if not ready:
            continue
        try:
            octets = os.read(terminal, 4096)
        except OSError:  # What a terminal says when its last user has gone.
            octets = b""
        if not octets:
            return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
        pending = (pending + octets)[-200:]
        for question, answer in _QUESTIONS:
            if question.search(pending):
                if answer == _SECRET:
                    wait_for_silence(terminal)
                os.write(terminal, answer.encode() + b"\n")
                pending = b""


def run(page_path, packages):
    """Runs the blocks of a page on a machine with these Debian packages; returns the exit status."""
    with open(page_path, encoding="utf-8") as file:
        page = pages.parse(page_path, file.read())
    with tempfile.TemporaryDirectory(prefix="page.", dir=os.environ.get("TEST_TMPDIR")) as folder:
        blocks = os.path.join(folder, "page")
        os.mkdir(blocks)
        lines = script_of(page, blocks)
        name = os.path.splitext(os.path.basename(page_path))[0]
        with open(os.path.join(blocks, "main"), "w", encoding="utf-8") as file:
            file.write("\n".join([". /page/setup/machine.sh", ". /page/setup/%s.sh" % name] + lines) + "\n")
        # Not links into Bazel's folders: on the machine these have other names.
        subprocess.run(["cp", "-rL", os.path.join(_HERE, "setup"), blocks], check=True)
        process, terminal = pty.fork()
        if process == 0:
            os.execvp("unshare", ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child",
                                  "bash", os.path.join(blocks, "setup/enter.sh"), folder] +
                      [os.path.realpath(package) for package in packages])
        return talk(process, terminal, _SECONDS)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("page")
    parser.add_argument("package", nargs="+", help="a Debian package that the machine has")
    options = parser.parse_args(arguments)
    return run(options.page, options.package)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
