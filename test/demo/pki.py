"""The two certificate authorities that DDS Security asks for, made with openssl in a folder of their own."""

import os

from children import make_folder, run, write

_GOVERNANCE = """<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xsi:noNamespaceSchemaLocation="http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_governance.xsd">
  <domain_access_rules>
    <domain_rule>
      <domains><id_range><min>0</min><max>230</max></id_range></domains>
      <allow_unauthenticated_participants>false</allow_unauthenticated_participants>
      <enable_join_access_control>true</enable_join_access_control>
      <discovery_protection_kind>ENCRYPT</discovery_protection_kind>
      <liveliness_protection_kind>ENCRYPT</liveliness_protection_kind>
      <rtps_protection_kind>ENCRYPT</rtps_protection_kind>
      <topic_access_rules>
        <topic_rule>
          <topic_expression>*</topic_expression>
          <enable_discovery_protection>true</enable_discovery_protection>
          <enable_liveliness_protection>true</enable_liveliness_protection>
          <enable_read_access_control>true</enable_read_access_control>
          <enable_write_access_control>true</enable_write_access_control>
          <metadata_protection_kind>ENCRYPT</metadata_protection_kind>
          <data_protection_kind>ENCRYPT</data_protection_kind>
        </topic_rule>
      </topic_access_rules>
    </domain_rule>
  </domain_access_rules>
</dds>
"""

_PERMISSIONS = """<?xml version="1.0" encoding="UTF-8"?>
<dds xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xsi:noNamespaceSchemaLocation="http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_permissions.xsd">
  <permissions>
    <grant name="%(name)s">
      <subject_name>%(subject)s</subject_name>
      <validity><not_before>2020-01-01T00:00:00</not_before><not_after>2040-01-01T00:00:00</not_after></validity>
      <allow_rule>
        <domains><id_range><min>0</min><max>230</max></id_range></domains>
        <publish><topics><topic>*</topic></topics><partitions><partition>*</partition></partitions></publish>
        <subscribe><topics><topic>*</topic></topics><partitions><partition>*</partition></partitions></subscribe>
      </allow_rule>
      <default>DENY</default>
    </grant>
  </permissions>
</dds>
"""


class Authority:
    """A certificate authority: NAME.pem and NAME.key in `folder`."""

    def __init__(self, folder, name):
        self.certificate = os.path.join(folder, name + ".pem")
        self._key = os.path.join(folder, name + ".key")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             self._key, "-out", self.certificate, "-days", "3650", "-subj", "/O=Robots/CN=" + name, "-addext",
             "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"])

    def sign_request(self, request, certificate):
        """Checks the PKCS#10 request in a file, and signs a certificate for it."""
        run(["openssl", "req", "-in", request, "-verify", "-noout"])
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
             "-sha256", "-days", "365", "-out", certificate])

    def sign_document(self, document, signed):
        """Signs a document of access control (S/MIME)."""
        run(["openssl", "smime", "-sign", "-in", document, "-text", "-out", signed, "-signer", self.certificate, "-inkey",
             self._key])


class Pki:
    """Identity CA and permissions CA of the demo, and an identity CA that nobody here trusts."""

    def __init__(self, folder):
        self.folder = make_folder(folder)
        self.identity = Authority(folder, "identity-ca")
        self.permissions = Authority(folder, "permissions-ca")
        self.foreign = Authority(folder, "foreign-ca")
        self.governance = self._sign("governance", _GOVERNANCE)

    def _sign(self, name, text):
        document = write(os.path.join(self.folder, name + ".xml"), text)
        signed = os.path.join(self.folder, name + ".p7s")
        self.permissions.sign_document(document, signed)
        return signed

    def permissions_of(self, name):
        """Makes the signed permissions document of CN=name,O=Robots."""
        return self._sign(name, _PERMISSIONS % {"name": name, "subject": "CN=%s,O=Robots" % name})

    def plain_key(self, name, key, request):
        """Makes a private key in a file, as participants have them without ddskeyd, and a request for it."""
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
             "-out", request, "-subj", "/O=Robots/CN=" + name])
