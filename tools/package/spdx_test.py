"""Tests of the bill of materials: that of small inputs, and the one that is shipped."""

import hashlib
import json
import os
import re
import subprocess
import unittest

import debian_copyright
import spdx

_BILL = "tools/package/ddskeyd.spdx.json"
_MACHINE_READABLE = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020 Somebody
License: BSD-3-clause or EPL-2

Files: debian/*
Copyright: 2021 Somebody else
License: GPL-2+ with odd exception
 What is odd about it.
"""


class DebianCopyrightTest(unittest.TestCase):
    def test_translates_the_licence_of_most_files(self):
        licence = debian_copyright.licence_of(_MACHINE_READABLE)
        self.assertEqual((licence.expression, licence.texts), ("(BSD-3-Clause OR EPL-2.0)", {}))
        self.assertEqual(debian_copyright.other_licences(_MACHINE_READABLE),
                         ["BSD-3-clause or EPL-2", "GPL-2+ with odd exception"])

    def test_refers_to_the_text_of_what_spdx_does_not_list(self):
        text = _MACHINE_READABLE.replace("BSD-3-clause or EPL-2", "GPL-2+ with odd exception")
        licence = debian_copyright.licence_of(text)
        self.assertEqual(licence.expression, "LicenseRef-Debian-GPL-2-with-odd-exception")
        self.assertEqual(licence.texts, {licence.expression: "What is odd about it."})

    def test_takes_prose_for_what_it_is(self):
        self.assertIsNone(debian_copyright.licence_of("This package was debianized by Somebody.\n\nGPL.\n"))


class BuiltWithTest(unittest.TestCase):
    def test_takes_what_builds_and_not_what_tests(self):
        text = "# About\n\n# The build\ng++\n\n# Libraries\nlibssl-dev # why\n\n# Tests and the demo\nswtpm\n"
        self.assertEqual(spdx.built_with(text), ["g++", "libssl-dev"])

    def test_names_what_a_relation_names(self):
        self.assertEqual(spdx.depended_on("a (>= 1), b | c, python3:any"), ["a", "b", "c", "python3"])


class BillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(_BILL, encoding="utf-8") as file:
            cls.bill = json.load(file)
        cls.packages = {package["name"]: package for package in cls.bill["packages"]}

    def related(self, kind):
        names = {package["SPDXID"]: package["name"] for package in self.bill["packages"]}
        return {(names.get(entry["spdxElementId"]), names.get(entry["relatedSpdxElement"]))
                for entry in self.bill["relationships"] if entry["relationshipType"] == kind}

    def test_is_a_document_of_spdx_2_3(self):
        self.assertEqual((self.bill["spdxVersion"], self.bill["dataLicense"], self.bill["SPDXID"]),
                         ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"))
        self.assertRegex(self.bill["creationInfo"]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(self.bill["documentNamespace"], r"^https://[^#]+$")
        idents = [package["SPDXID"] for package in self.bill["packages"]]
        self.assertEqual(len(idents), len(set(idents)))
        for ident in idents:
            self.assertRegex(ident, r"^SPDXRef-[A-Za-z0-9.-]+$")
        for entry in self.bill["relationships"]:
            for side in ("spdxElementId", "relatedSpdxElement"):
                self.assertIn(entry[side], idents + ["SPDXRef-DOCUMENT"])
        for package in self.bill["packages"]:
            for field in ("name", "versionInfo", "downloadLocation", "licenseConcluded", "licenseDeclared",
                          "copyrightText"):
                self.assertTrue(package[field], package)
        extracted = {entry["licenseId"] for entry in self.bill["hasExtractedLicensingInfos"]}
        used = set(re.findall(r"LicenseRef-[A-Za-z0-9.-]+", json.dumps(self.bill["packages"])))
        self.assertEqual(used, extracted)

    def test_has_the_checksums_of_our_packages(self):
        described = {name for _, name in self.related("DESCRIBES")}
        self.assertEqual(described, {"ddskeyd", "ddskeyctl", "libddskey-cyclonedds", "libddskey-pkcs11", "ddskey-dev"})
        for name in described:
            with open("tools/package/%s.deb" % name, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            self.assertEqual(self.packages[name]["checksums"], [{"algorithm": "SHA256", "checksumValue": digest}])

    def test_names_every_library_that_a_package_loads(self):
        links = self.related("DYNAMIC_LINK")
        for library in ("libssl3", "libtss2-esys-3.0.2-0", "libsqlite3-0", "libc6"):
            self.assertIn(("ddskeyd", library), links)
        self.assertIn(("libddskey-pkcs11", "libnettle8"), links)
        said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libssl3"], check=True, stdout=subprocess.PIPE,
                              encoding="utf-8").stdout
        self.assertEqual(self.packages["libssl3"]["versionInfo"], said)

    def test_the_table_of_the_documents_is_the_bill(self):
        rows = {}
        with open("docs/supply_chain.md", encoding="utf-8") as file:
            for line in file:
                cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
                if len(cells) == 5 and cells[0].startswith("lib"):
                    for name in cells[0].split(", "):
                        rows[name] = (cells[1], cells[2])
        self.assertEqual(set(rows), {library for _, library in self.related("DYNAMIC_LINK")})
        for name, (version, licence) in rows.items():
            package = self.packages[name]
            self.assertRegex(package["versionInfo"], r"^(\d+:)?%s([.+~-]|$)" % re.escape(version), name)
            stated = package["licenseDeclared"]
            if stated == "NOASSERTION":
                stated = package["licenseConcluded"]
            words = set(re.findall(r"[A-Z][\w.-]*\d[\w.-]*\w|MIT", licence))
            if words:
                self.assertTrue(all(word in stated or "LicenseRef" in stated for word in words), (name, licence, stated))
            else:
                self.assertEqual((licence, stated), ("public domain", "LicenseRef-Debian-public-domain"))

    def test_no_library_is_linked_statically(self):
        foreign = re.compile(r" [TDR] ((absl|grpc|google|fmt|spdlog)::|_?(sqlite3|SSL|EVP|OPENSSL|Esys|Tss2|sd|nghttp2)_)")
        for path in ("daemon/ddskeyd", "client/cli/ddskeyctl", "plugin_shim/cyclonedds/libddskey_cyclonedds.so"):
            said = subprocess.run(["nm", "--demangle", "--defined-only", path], check=True, stdout=subprocess.PIPE,
                                  encoding="utf-8").stdout
            self.assertIn(" T ", said, path)
            self.assertEqual([line for line in said.splitlines() if foreign.search(line)], [], path)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    unittest.main()
