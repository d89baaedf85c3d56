"""Runs an emulated Arm machine whose secure world is OP-TEE, and lends its PKCS#11 token to this machine.

In the folder STATE stand the machine's disk (its token's secrets, which the secure world has encrypted) and two sockets:
token.sock speaks p11-kit's remote protocol, so that p11-kit-client.so with P11_KIT_SERVER_ADDRESS=unix:path=... is the
token's module; control.sock takes one line a connection and answers with one, "ok" or "error: ...":

  hello               is the machine up?
  supplicant kill     kill -9 of the program that serves the secure world with storage: calls then hang
  supplicant start    start it again
  power cut           the machine stops at once
  power on            the machine starts, with the disk that it had; answered when it is up

The machine has no network but for the one to these sockets. It ends with this program, however that ends.
"""

import argparse
import asyncio
import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

# Ports inside of the machine (guest/init).
_TOKEN, _CONTROL = 1, 2
_BOOT_SECONDS = 120
_PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """What a user of this program should read."""


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_ports(count):
    """Ports of the loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _make_disk(path):
    with open(path, "xb") as disk:
        disk.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True, stdin=subprocess.DEVNULL)


class Machine:
    """One emulated machine, on or off."""

    def __init__(self, files, state):
        self._files = files
        self._state = state
        self._process = None
        self._ports = {}
        disk = state / "disk.img"
        if not disk.exists():
            _make_disk(disk)

    async def power_on(self):
        """Returns after how many seconds the machine was up."""
        if self._process is not None:
            raise Failure("the machine is on")
        began = time.monotonic()
        self._ports = dict(zip((_TOKEN, _CONTROL), _free_ports(2)))
        log = (self._state / "console.log").open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)
        log.close()
        while time.monotonic() - began < _BOOT_SECONDS:
            if self._process.returncode is not None:
                raise Failure(f"the emulator ended; see {self._state}/console.log")
            with contextlib.suppress(OSError, asyncio.TimeoutError, Failure):
                if await asyncio.wait_for(self.ask("hello"), 2) == "ok":
                    return time.monotonic() - began
            await asyncio.sleep(0.1)
        raise Failure(f"the machine was not up after {_BOOT_SECONDS} s; see {self._state}/console.log")

    async def power_cut(self):
        """Stops the machine as if its plug was pulled. None that is off is no failure."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._process = None

    async def connect(self, port):
        """Streams to a port inside."""
        if self._process is None:
            raise Failure("the machine is off")
        return await asyncio.open_connection("127.0.0.1", self._ports[port])

    async def ask(self, line):
        """The answer of guest/control."""
        reader, writer = await self.connect(_CONTROL)
        try:
            writer.write(line.encode() + b"\n")
            answer = (await reader.readline()).decode(errors="replace").strip()
            if not answer:
                raise Failure("the machine did not do it")
            return answer
        finally:
            writer.close()

    def _command(self):
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{outside}-:{inside}" for inside, outside in self._ports.items())
        return [
            "qemu-system-aarch64", "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
            # The secure world; OP-TEE's Debian package wants an interrupt controller of version 3.
            "-machine", "virt,secure=on,gic-version=3", "-cpu", "cortex-a57", "-smp", "2", "-m", "1024",
            "-bios", f"{self._files}/flash.bin", "-kernel", f"{self._files}/Image",
            "-initrd", f"{self._files}/initrd.gz", "-append", "console=ttyAMA0 rdinit=/init quiet panic=-1",
            # A power cut loses nothing that was written.
            "-drive", f"if=none,id=disk,file={self._state}/disk.img,format=raw,cache=writethrough",
            "-device", "virtio-blk-pci,drive=disk",
            "-netdev", f"user,id=net,restrict=on{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-serial", "stdio", "-serial", f"file:{self._state}/secure_world.log",
        ]


async def _pump(reader, writer):
    try:
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve_token(machine, reader, writer):
    """Passes a connection of a program on to the machine. It breaks when the machine goes."""
    try:
        inner_reader, inner_writer = await machine.connect(_TOKEN)
    except (OSError, Failure):
        writer.close()
        return
    await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))


async def _serve_control(machine, reader, writer):
    line = (await reader.readline()).decode(errors="replace").strip()
    try:
        if line == "power cut":
            await machine.power_cut()
            answer = "ok"
        elif line == "power on":
            answer = f"ok, after {await machine.power_on():.1f} s"
        else:
            answer = await machine.ask(line)
    except (OSError, Failure) as failure:
        answer = f"error: {failure}"
    with contextlib.suppress(OSError):
        writer.write(answer.encode() + b"\n")
        await writer.drain()
        writer.close()


async def _run(files, state):
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    machine = Machine(files, state)
    ending = asyncio.create_task(stop.wait())
    try:
        booting = asyncio.create_task(machine.power_on())
        await asyncio.wait({ending, booting}, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            booting.cancel()
            return
        seconds = booting.result()
        # The daemon's helper may be another user; the token has a PIN.
        for name, mask, serve in (("token", 0, _serve_token), ("control", 0o077, _serve_control)):
            path = state / f"{name}.sock"
            path.unlink(missing_ok=True)
            os.umask(mask)
            await asyncio.start_unix_server(lambda r, w, serve=serve: serve(machine, r, w), path)
        # The one line that whoever started this waits for.
        print(f"{seconds:.1f}", flush=True)
        await ending
    finally:
        await machine.power_cut()


def main():
    """Runs the machine until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=pathlib.Path, metavar="FILES", help="what set_up.sh made")
    parser.add_argument("state", type=pathlib.Path, metavar="STATE", help="folder of the disk and the sockets")
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        asyncio.run(_run(arguments.files.resolve(), arguments.state.resolve()))
    except Failure as failure:
        sys.exit(f"error: {failure}")


if __name__ == "__main__":
    main()
