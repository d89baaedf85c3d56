"""Writes the bill of materials of the packages, as SPDX 2.3 in JSON.

spdx.py --output FILE --packages tools/packages.txt LINKS...: LINKS are what build_deb.py wrote beside each package. Which
Debian packages ours are linked with follows from the libraries that the binaries name; with which they are built, from
tools/packages.txt; versions and licences are those of this machine. Equal input gives equal octets.
"""

import argparse
import datetime
import hashlib
import json
import re
import subprocess

import debian_copyright

_NONE = "NOASSERTION"
# Whose copyright files are prose.
_PROSE = {
    "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
}
# Packages of the C++ compiler that every build links a little of: start code, and helpers of libgcc.
_RUNTIME = ["libc6-dev", "libgcc-12-dev", "libstdc++-12-dev"]
# Headers whose templates and inline functions become part of our binaries.
_INLINE = ["libabsl-dev", "libfmt-dev", "libgrpc++-dev", "libprotobuf-dev", "libspdlog-dev", "libstdc++-12-dev"]
_INLINE_COMMENT = "Templates and inline functions of its headers are compiled in: an update takes a new build to arrive."
_OURS = "Apache-2.0"


def installed(names):
    """{name: facts} of those Debian packages that are installed here."""
    form = "${db:Status-Status}\\t${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${Homepage}\\n"
    said = subprocess.run(["dpkg-query", "-W", "-f", form, *sorted(names)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, encoding="utf-8", check=False).stdout
    found = {}
    for line in sorted(said.splitlines()):
        status, name, version, architecture, source, homepage = line.split("\t")
        if status == "installed":
            found[name] = {"version": version, "architecture": architecture, "source": source, "homepage": homepage}
    return found


def built_with(text):
    """The packages of the sections "The build" and "Libraries" of tools/packages.txt."""
    names, section = [], ""
    for line in text.splitlines():
        if line.startswith("#"):
            section = line[1:].strip()
        elif line.strip() and section in ("The build", "Libraries"):
            names.append(line.split("#")[0].strip())
    return names


def depended_on(relation):
    """The names of packages in a value of Depends, alternatives included."""
    return [re.sub(r"\s*\(.*\)|:any", "", part).strip() for part in re.split(r"[,|]", relation) if part.strip()]


def ident(kind, name):
    return "SPDXRef-%s-%s" % (kind, re.sub(r"[^A-Za-z0-9.-]", "-", name.replace("+", "plus")))


class Bill:
    """The bill of materials while it is written."""

    def __init__(self):
        self.packages = {}
        self.texts = {}
        self.relations = set()

    def relate(self, one, how, other, comment=""):
        self.relations.add((one, how, other, comment))

    def add_ours(self, facts):
        """One of our packages."""
        package = ident("Package", facts["package"])
        self.packages[package] = {
            "SPDXID": package,
            "name": facts["package"],
            "versionInfo": facts["version"],
            "packageFileName": "%(package)s_%(version)s_%(architecture)s.deb" % facts,
            "summary": facts["summary"],
            "downloadLocation": _NONE,
            "filesAnalyzed": False,
            "checksums": [{"algorithm": "SHA256", "checksumValue": facts["sha256"]}],
            "licenseConcluded": _OURS,
            "licenseDeclared": _OURS,
            "copyrightText": "2025-2026 The ddskeyd developers",
            "primaryPackagePurpose": "INSTALL",
            "externalRefs": [purl("ddskeyd", facts["package"], facts["version"], facts["architecture"])],
        }
        self.relate("SPDXRef-DOCUMENT", "DESCRIBES", package)
        return package

    def add_debian(self, name, facts):
        """A package of Debian's, as it is installed here."""
        package = ident("Debian", name)
        if package in self.packages:
            return package
        with open("/usr/share/doc/%s/copyright" % name, encoding="utf-8", errors="replace") as file:
            text = file.read()
        licence = debian_copyright.licence_of(text)
        entry = {
            "SPDXID": package,
            "name": name,
            "versionInfo": facts["version"],
            "supplier": "Organization: Debian",
            "downloadLocation": _NONE,
            "filesAnalyzed": False,
            "licenseConcluded": _PROSE.get(facts["source"], _NONE),
            "licenseDeclared": licence.expression if licence else _NONE,
            "copyrightText": _NONE,
            "externalRefs": [purl("debian", name, facts["version"], facts["architecture"])],
            "sourceInfo": "Debian source package " + facts["source"],
        }
        if facts["homepage"]:
            entry["homepage"] = facts["homepage"]
        others = debian_copyright.other_licences(text)
        if licence:
            self.texts.update(licence.texts)
            entry["licenseComments"] = "Of most files of the source; all that Debian names: " + "; ".join(others) + "."
        else:
            entry["licenseComments"] = "Debian's copyright file of this package is prose."
        self.packages[package] = entry
        return package

    def document(self, version, released):
        """The whole as SPDX has it."""
        body = {
            "packages": [self.packages[key] for key in sorted(self.packages)],
            "relationships": [relationship(*relation) for relation in sorted(self.relations)],
            "hasExtractedLicensingInfos": [
                {"licenseId": key, "extractedText": self.texts[key], "name": key[len("LicenseRef-Debian-"):]}
                for key in sorted(self.texts)
            ],
        }
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        created = datetime.datetime.fromtimestamp(released, datetime.timezone.utc)
        return dict(body, **{
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": "ddskeyd-" + version,
            # Names this document and no other: the same content, the same name.
            "documentNamespace": "https://ddskeyd.example.org/spdx/ddskeyd-%s-%s" % (version, digest),
            "creationInfo": {
                "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "creators": ["Tool: ddskeyd-tools-package-spdx-" + version],
                "comment": "The time is that of the version, not of the build, so that builds can be compared.",
            },
        })


def purl(vendor, name, version, architecture):
    # '+' means a space in places; ':' and '~' may stand.
    locator = "pkg:deb/%s/%s@%s?arch=%s" % (vendor, name.replace("+", "%2B"), version.replace("+", "%2B"), architecture)
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}


def relationship(one, how, other, comment):
    entry = {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}
    if comment:
        entry["comment"] = comment
    return entry


def make(all_facts, build_packages):
    """The document for our packages, whose facts build_deb.py wrote."""
    bill = Bill()
    linked = {facts["package"]: {owner for libraries in facts["libraries"].values() for owner in libraries.values()}
              for facts in all_facts}
    wanted = set(build_packages) | set(_RUNTIME) | set(_INLINE)
    for facts in all_facts:
        wanted |= linked[facts["package"]] | set(depended_on(facts["depends"]))
    here = installed(wanted)
    for facts in all_facts:
        ours = bill.add_ours(facts)
        for name in linked[facts["package"]]:
            bill.relate(ours, "DYNAMIC_LINK", bill.add_debian(name, here[name]))
        for name in set(depended_on(facts["depends"])) - linked[facts["package"]]:
            if name in here:
                bill.relate(bill.add_debian(name, here[name]), "RUNTIME_DEPENDENCY_OF", ours)
        if facts["libraries"]:
            for name in _RUNTIME:
                bill.relate(ours, "STATIC_LINK", bill.add_debian(name, here[name]))
        for name in set(build_packages) | set(_INLINE):
            if name in here:
                bill.relate(bill.add_debian(name, here[name]), "BUILD_DEPENDENCY_OF", ours,
                            _INLINE_COMMENT if name in _INLINE else "")
    return bill.document(all_facts[0]["version"], all_facts[0]["released"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True)
    parser.add_argument("--packages", required=True)
    parser.add_argument("links", nargs="+")
    arguments = parser.parse_args()
    all_facts = []
    for path in sorted(arguments.links):
        with open(path, encoding="utf-8") as file:
            all_facts.append(json.load(file))
    with open(arguments.packages, encoding="utf-8") as file:
        build_packages = built_with(file.read())
    with open(arguments.output, "w", encoding="utf-8") as file:
        json.dump(make(all_facts, build_packages), file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
