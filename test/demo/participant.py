"""DDS participants of the demo: users with a folder of their own who run Debian's unmodified ddsperf."""

import copy
import os
import re
import shutil

from children import Child, Failure, make_folder, write

# Loopback only; everything of DDS Security comes from files and from the library named here.
_CONFIGURATION = """<CycloneDDS xmlns="https://cdds.io/config">
  <Domain id="any">
    <General>
      <Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces>
      <AllowMulticast>false</AllowMulticast>
    </General>
    <Discovery>
      <ParticipantIndex>auto</ParticipantIndex>
      <MaxAutoParticipantIndex>9</MaxAutoParticipantIndex>
      <Peers><Peer address="127.0.0.1"/></Peers>
    </Discovery>
    <Security>
      <Authentication>
        %(library)s
        <IdentityCertificate>file:%(folder)s/identity.pem</IdentityCertificate>
        <IdentityCA>file:%(folder)s/identity-ca.pem</IdentityCA>
        <PrivateKey>%(key)s</PrivateKey>
      </Authentication>
      <AccessControl>
        <PermissionsCA>file:%(folder)s/permissions-ca.pem</PermissionsCA>
        <Governance>file:%(folder)s/governance.p7s</Governance>
        <Permissions>file:%(folder)s/permissions.p7s</Permissions>
      </AccessControl>
      <Cryptographic/>
    </Security>
    <Tracing><Verbosity>warning</Verbosity><OutputFile>stderr</OutputFile></Tracing>
  </Domain>
</CycloneDDS>
"""
_SHIM = '<Library path="%s" initFunction="init_authentication" finalizeFunction="finalize_authentication"/>'
_LOG = "ddsperf.log"
_RATE = re.compile(r"size (\d+) total (\d+) lost (\d+) .* rate ([\d.]+) kS/s ([\d.]+) Mb/s")


class Participant:
    """A user `user` in `folder`, known to DDS as CN=name,O=Robots."""

    def __init__(self, folder, name, user, pki, shim=None, key=None, authority=None):
        self.folder = make_folder(folder, user)
        self.name = name
        self.user = user
        authority = authority or pki.identity
        self._take(authority.certificate, "identity-ca.pem")
        self._take(pki.permissions.certificate, "permissions-ca.pem")
        self._take(pki.governance, "governance.p7s")
        self._take(pki.permissions_of(name), "permissions.p7s")
        text = _CONFIGURATION % {
            "folder": folder, "library": _SHIM % shim if shim else "",
            "key": key or "file:%s/private-key.pem" % folder,
        }
        self.configuration = write(os.path.join(folder, "cyclonedds.xml"), text, user)

    def _take(self, source, name):
        target = os.path.join(self.folder, name)
        shutil.copyfile(source, target)
        os.chown(target, self.user, self.user)

    def install_certificate(self, certificate):
        """Gives it the certificate that access control reads the subject from."""
        self._take(certificate, "identity.pem")

    def install_plain_key(self, key):
        self._take(key, "private-key.pem")
        os.chmod(os.path.join(self.folder, "private-key.pem"), 0o600)

    def copy_for(self, user, folder):
        """The same participant, everything it has, in another folder under another user."""
        other = copy.copy(self)
        other.folder, other.user = folder, user
        shutil.copytree(self.folder, folder)
        for path in [folder] + [os.path.join(folder, name) for name in os.listdir(folder)]:
            os.chown(path, user, user)
        os.remove(os.path.join(folder, _LOG))
        other.configuration = os.path.join(folder, os.path.basename(self.configuration))
        with open(other.configuration, "r+", encoding="utf-8") as file:
            text = file.read().replace(self.folder + "/", folder + "/")
            file.seek(0)
            file.write(text)
            file.truncate()
        return other

    def ddsperf(self, arguments, socket=None):
        """Starts ddsperf, with nothing in its environment but where its configuration is."""
        environment = {"CYCLONEDDS_URI": "file://" + self.configuration}
        if socket:
            environment["DDSKEY_SOCKET"] = socket
        return Ddsperf(["ddsperf"] + arguments, os.path.join(self.folder, _LOG), self.user, environment)


class Ddsperf(Child):
    """A running ddsperf."""

    def samples(self):
        """How many samples a subscriber has received: none before it has authenticated and keyed the publisher. (What
        ddsperf says about new participants is said before that.)"""
        if not self.running():
            raise Failure("ddsperf (pid %d) ended: %s" % (self.pid, self.output().strip()))
        rates = self.rates()
        return rates[-1][0] if rates else 0

    def rates(self):
        return rates_in(self.output())


def rates_in(output):
    """What a subscriber has said: [(samples, lost, thousand samples a second, megabits a second)], once a second."""
    return [(int(total), int(lost), float(samples), float(bits))
            for _, total, lost, samples, bits in _RATE.findall(output)]
