"""Shows two unmodified DDS processes that talk with private keys which live elsewhere.

Two processes of Debian's ddsperf, under two unprivileged users, exchange encrypted data after a DDS Security handshake
whose private keys were made in a TPM 2.0 (swtpm) by ddskeyd. Then others try to take part, and the demo looks for
private keys wherever the participants can reach.
"""

import argparse
import json
import os
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True

import capture
import traces
from children import Child, Failure, attempt, make_folder, run, wait_for, write
from isolation import run_isolated
from participant import Participant
from pki import Pki
from report import Report

# Users that need no account. Nobody else has anything to do with them.
TALKER, LISTENER, OUTSIDER, STRANGER = 60101, 60102, 60103, 60104

_CONFIG = """# ddskeyd of the demo
socket: "{run}/ddskeyd.sock"
admin_socket: "{run}/admin.sock"
state_directory: "{state}"
runtime_directory: "{run}"
policy_file: "{policy}"
backend {{ name: "{backend}" {kind} }}
log {{ level: "info" target: "stderr" }}
"""
_POLICY = """rule {
  name: "administrator" effect: ALLOW caller { uid: 0 } key: "*"
  operation: [KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, STATUS]
}
rule { name: "talker" effect: ALLOW caller { uid: %d } key: "talker" operation: HANDSHAKE }
rule { name: "listener" effect: ALLOW caller { uid: %d } key: "listener" operation: HANDSHAKE }
""" % (TALKER, LISTENER)


class Daemon:
    """swtpm (for the backend tpm2), ddskeyd, and ddskeyctl to talk with it."""

    def __init__(self, folder, programs, backend):
        self.folder = make_folder(folder, mode=0o711)
        self.state = make_folder(folder + "/state")
        self.run = make_folder(folder + "/run", mode=0o711)
        self.log = folder + "/ddskeyd.log"
        self.socket = self.run + "/ddskeyd.sock"
        self.tpm_socket = None
        self._ctl = [programs + "/ddskeyctl", "--socket", self.run + "/admin.sock"]
        kind = "software {}"
        if backend == "tpm2":
            self._start_tpm(make_folder(folder + "/tpm"))
            kind = 'tpm2 { tcti: "swtpm:path=%s" }' % self.tpm_socket
        policy = write(folder + "/policy.textproto", _POLICY)
        config = write(folder + "/ddskeyd.textproto", _CONFIG.format(
            run=self.run, state=self.state, policy=policy, backend=backend, kind=kind))
        self.process = Child([programs + "/ddskeyd", "--config", config], self.log)
        wait_for(self._ready, 20, "ddskeyd to answer")

    def _start_tpm(self, folder):
        self.tpm_socket = folder + "/socket"
        tpm = Child(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + folder, "--server",
                     "type=unixio,path=" + self.tpm_socket, "--ctrl", "type=unixio,path=%s.ctrl" % self.tpm_socket,
                     "--flags", "not-need-init,startup-clear"], folder + "/swtpm.log")
        wait_for(lambda: os.path.exists(self.tpm_socket) or not tpm.running(), 10, "swtpm to listen")
        if not tpm.running():
            raise Failure("swtpm ended: " + tpm.output())

    def _ready(self):
        if not self.process.running():
            raise Failure("ddskeyd ended: " + self.process.output())
        try:
            return self.status()
        except Failure:
            return None

    def ctl(self, *arguments):
        """Runs ddskeyctl as the administrator."""
        return run(self._ctl + list(arguments))

    def status(self):
        return json.loads(self.ctl("status", "--json"))

    def signatures(self):
        """How many signatures its backend has made."""
        return int(self.status()["backends"][0]["signatures"])

    def refusals(self, user, *words):
        """What its audit says about requests of `user` that it refused, of those records that hold all of `words`."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file if 'outcome="refused"' in line and 'uid="%d"' % user in line]
        return [", ".join('%s %s' % found for found in re.findall(r'(operation|peer|reason)="([^"]*)"', line))
                for line in lines if all(word in line for word in words)]


class Demo:
    """What the demo does, in order."""

    def __init__(self, options, folder):
        self._options = options
        self._folder = folder
        self._programs = make_folder(folder + "/programs", mode=0o755)
        for path in ("daemon/ddskeyd", "client/cli/ddskeyctl", "plugin_shim/cyclonedds/libddskey_cyclonedds.so"):
            shutil.copy(os.path.join(options.programs, path), self._programs)
        self._shim = self._programs + "/libddskey_cyclonedds.so"
        self.report = Report()
        self._where = "a TPM 2.0" if options.backend == "tpm2" else "the software backend"

    def run(self):
        self._set_up()
        self._talk()
        self._foreign_authority()
        self._refused_users()
        self._look_for_keys()
        self._knock()

    def _step(self, text):
        print("-- " + text, flush=True)

    def _set_up(self):
        self._step("starting ddskeyd" + (" and swtpm" if self._options.backend == "tpm2" else ""))
        self._daemon = Daemon(self._folder + "/daemon", self._programs, self._options.backend)
        self._step("making an identity CA and a permissions CA with openssl")
        self._pki = Pki(self._folder + "/ca")
        self._talker = self._participant("talker", TALKER)
        self._listener = self._participant("listener", LISTENER)
        keys = json.loads(self._daemon.ctl("key", "list", "--json"))["keys"]
        backend = self._daemon.status()["backends"][0]
        print("   " + self._daemon.ctl("key", "list").strip().replace("\n", "\n   "))
        self.report.add("keys in " + self._where,
                        "%d, %s" % (len(keys), " ".join(backend["device"].split()) or "encrypted at rest"),
                        [key["name"] for key in keys] == ["listener", "talker"] and backend["healthy"])

    def _participant(self, name, user):
        self._step('making the key "%s" in %s, and a certificate for it' % (name, self._where))
        self._daemon.ctl("key", "create", name)
        request, certificate = self._pki.folder + "/%s.csr" % name, self._pki.folder + "/%s.pem" % name
        self._daemon.ctl("csr", name, "--subject", "CN=%s,O=Robots" % name, "--out", request)
        self._pki.identity.sign_request(request, certificate)
        self._daemon.ctl("cert", "install", name, "--certificate", certificate, "--ca", self._pki.identity.certificate)
        participant = Participant(self._folder + "/" + name, name, user, self._pki, self._shim, "ddskey:" + name)
        participant.install_certificate(certificate)
        return participant

    def _talk(self):
        self._step("starting ddsperf twice, as the users %d and %d, with everything encrypted" % (TALKER, LISTENER))
        before, start = self._daemon.signatures(), time.monotonic()
        self._subscriber = self._listener.ddsperf(["-1", "sub"], self._daemon.socket)
        publisher = self._talker.ddsperf(["pub", "size", "1k"], self._daemon.socket)
        try:
            wait_for(self._subscriber.samples, 30, "the two to match and data to arrive")
            made = self._daemon.signatures() - before
            self.report.add("the two matched and exchange data", "after %.1f s" % (time.monotonic() - start), True)
            self.report.add("signatures made by %s for it" % self._where, str(made), made >= 2)
            self._step("measuring for %d s" % self._options.seconds)
            wait_for(lambda: len(self._busy_seconds()) > self._options.seconds, self._options.seconds + 20, "data")
            busy = self._busy_seconds()[1:]
            total, lost = busy[-1][:2]
            self.report.add("data rate, samples of 1 kB", "%.0f a second, %.0f Mb/s; %d of %d lost" % (
                1000 * sum(second[2] for second in busy) / len(busy), sum(second[3] for second in busy) / len(busy),
                lost, total + lost), lost == 0)
            seen, encrypted = capture.count_rtps(2000, 1000, 10)
            self.report.add("encrypted messages on the wire", "%d of %d" % (encrypted, seen), seen == encrypted > 0)
            self._found_in_processes = [found for process in (publisher, self._subscriber)
                                        for found in traces.in_process(process.pid)]
            self._mapped = sum(len(traces.mapped_files(process.pid)) for process in (publisher, self._subscriber))
        finally:
            publisher.stop()

    def _busy_seconds(self):
        return [rate for rate in self._subscriber.rates() if rate[2] > 0]

    def _settled_samples(self):
        """What the subscriber has received once the publisher is gone and nothing more is on its way."""
        wait_for(lambda: self._subscriber.rates()[-1][2] == 0, 20, "the listener to receive no more")
        return self._subscriber.samples()

    def _foreign_authority(self):
        self._step("a third participant comes, certified by a CA that nobody here trusts, its key in a plain file")
        # Its adjusted GUID, a hash of its name, is lower than the others': it begins the handshake, and ours must refuse.
        name = "guest"
        outsider = Participant(self._folder + "/" + name, name, OUTSIDER, self._pki, authority=self._pki.foreign)
        key, request, certificate = (self._pki.folder + "/%s.%s" % (name, kind) for kind in ("key", "csr", "pem"))
        self._pki.plain_key(name, key, request)
        self._pki.foreign.sign_request(request, certificate)
        outsider.install_certificate(certificate)
        outsider.install_plain_key(key)
        before = self._settled_samples()
        process = outsider.ddsperf(["pub", "size", "1k"])
        try:
            refusals = wait_for(lambda: self._daemon.refusals(LISTENER, "CN=guest"), 30, "ddskeyd to refuse it")
            print("   ddskeyd: " + refusals[0])
            reason = refusals[0].partition("reason ")[2]
            wait_for(lambda: "failed to match" in self._subscriber.output(), 30, "the listener to give it up")
            came = self._subscriber.samples() - before
            self.report.add("participant of a foreign CA", "%s: %s" % (
                "refused" if came == 0 else "let in", reason), came == 0)
            # What is searched for in vain elsewhere must be found here, or the search is worth nothing.
            in_file, _ = traces.in_folder(outsider.folder)
            scalar = bytes.fromhex(re.sub(r"[^0-9a-f]", "", re.search(
                r"priv:\n([0-9a-f:\s]+)pub:", run(["openssl", "pkey", "-in", key, "-noout", "-text"])).group(1)))
            in_memory = traces.memory_holds(process.pid, scalar[-32:])
            self.report.add("for comparison: its own key", "in its file: %s, in its memory: %s" % (
                "yes" if in_file else "no", "yes" if in_memory else "no"), bool(in_file) and in_memory)
        finally:
            process.stop()

    def _refused_users(self):
        for user, who in ((STRANGER, "a user whom the policy does not list"), (LISTENER, "the listener's user")):
            self._step("%s (%d) tries to be the talker, with a copy of all its files" % (who, user))
            copy = self._talker.copy_for(user, "%s/talker-%d" % (self._folder, user))
            process = copy.ddsperf(["-D2", "pub"], self._daemon.socket)
            code = process.wait(30)
            # Cyclone DDS puts words of its own around what the shim says.
            said = re.findall(r"validate_local_identity: (.*?)(?:\(code: \d+\))?$", process.output(), re.MULTILINE)
            # Its records gather for a few milliseconds before they are written.
            logged = wait_for(lambda: self._daemon.refusals(user, 'key="talker"'), 10, "ddskeyd to say why")
            print("   the application's DDS log: " + (said[0] if said else process.output().strip()))
            why = logged[-1].rpartition(": ")[2].replace("\\x22", "'")
            self.report.add(who + ", as talker", "%s: %s" % ("let in" if code == 0 else "refused", why),
                            code != 0 and bool(said))

    def _look_for_keys(self):
        self._step("looking for private keys in the participants' files and processes, and in the daemon's store")
        in_files, files = [], 0
        for participant in (self._talker, self._listener):
            found, count = traces.in_folder(participant.folder)
            in_files += found
            files += count
        self._found(in_files, "private keys in the participants' %d files" % files)
        self._found(self._found_in_processes,
                    "private keys in their environment, memory and %d mapped files" % self._mapped)
        in_store, files = traces.in_folder(self._daemon.state)
        self._found(in_store, "plain private keys in the daemon's store, %d files" % files)
        if self._options.backend == "tpm2":
            self._found(traces.in_process(self._daemon.process.pid), "private keys in the daemon's own memory")
        print("   " + self._daemon.status()["backends"][0]["protection"])

    def _found(self, found, what):
        for line in found:
            print("   found: " + line)
        self.report.add(what, str(len(found)), not found)

    def _knock(self):
        self._step("the participants' users try to reach what holds the keys")
        opens, connects = "open(sys.argv[1], 'rb')", "socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        store = [os.path.join(parent, name) for parent, _, names in os.walk(self._daemon.state) for name in names]
        targets = [("the keystore", opens, path) for path in store]
        targets += [("the daemon's memory", opens, "/proc/%d/mem" % self._daemon.process.pid),
                    ("the administration socket", connects, self._daemon.run + "/admin.sock")]
        if self._daemon.tpm_socket:
            targets.append(("the TPM", connects, self._daemon.tpm_socket))
        refused = {}
        for what, code, path in targets:
            for user in (TALKER, LISTENER):
                error = attempt("import socket, sys; " + code, user, path)
                refused[what] = refused.get(what, True) and "PermissionError" in (error or "")
        for what, was_refused in refused.items():
            self.report.add("their users reach " + what, "no" if was_refused else "yes", was_refused)


def perform(options, folder):
    """Runs the demo and prints its summary; returns the exit status."""
    demo = Demo(options, folder)
    try:
        demo.run()
    except Failure as failure:
        log = os.path.join(folder, "daemon", "ddskeyd.log")
        if os.path.exists(log):
            with open(log, encoding="utf-8", errors="replace") as file:
                print("the end of the log of ddskeyd:\n" + "".join(file.readlines()[-20:]), file=sys.stderr)
        demo.report.add("the demo itself", str(failure), False)
    print(demo.report.text(), flush=True)
    return 0 if demo.report.good() else 1


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="The exit status is 0 if everything was as it should be.")
    parser.add_argument("--backend", choices=("tpm2", "software"), default="tpm2", help="what holds the keys (tpm2)")
    parser.add_argument("--seconds", type=int, default=5, help="how long to measure the data rate (5)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with configurations and logs")
    parser.add_argument("--programs", default="out/bin", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not 1 <= options.seconds <= 600:
        parser.error("--seconds is a number from 1 to 600")
    if os.geteuid() != 0:
        print("the demo acts as several users and makes a network of its own: running it through sudo", flush=True)
        os.execvp("sudo", ["sudo", sys.executable, os.path.abspath(__file__)] + arguments)
    options.programs = os.path.abspath(options.programs)
    return run_isolated(lambda folder: perform(options, folder), options.keep)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
