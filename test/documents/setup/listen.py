"""listen.py SOCKET OWNER COMMAND...: starts COMMAND when somebody connects to SOCKET, and again when it has ended, with
the listening socket as systemd passes it (sd_listen_fds). SOCKET is OWNER's alone."""

import os
import select
import shutil
import socket
import sys


def main(path, owner, command):
    listening = socket.socket(socket.AF_UNIX)
    if os.path.exists(path):
        os.unlink(path)
    listening.bind(path)
    os.chmod(path, 0o600)
    shutil.chown(path, owner)
    listening.listen(4)
    while True:
        select.select([listening], [], [])
        child = os.fork()
        if child == 0:
            os.dup2(listening.fileno(), 3)
            os.set_inheritable(3, True)
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
            os.execvp(command[0], command)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
