"""Makes a Debian package of built files, with Debian's own tools.

build_deb.py --manifest FILE --version-header FILE --output FILE.deb --links FILE.json

The manifest (made by deb.bzl) says what goes where. What is not in it follows from it: programs and libraries are
stripped, `Depends` is what dpkg-shlibdeps finds for them on this machine, everything below /etc is a conffile, text
that goes to a name in .gz is compressed. Equal input gives equal octets: no clock, user, umask, path, count of
processors or order of a directory gets into the package. LINKS is what the bill of materials needs to know about it.
"""

import argparse
import email.utils
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import textwrap

_ELF = b"\x7fELF"
_ARCHIVE = b"!<arch>\n"
_ORDER = ["Package", "Source", "Version", "Architecture", "Maintainer", "Installed-Size", "Pre-Depends", "Depends",
          "Recommends", "Suggests", "Enhances", "Conflicts", "Section", "Priority", "Multi-Arch", "Homepage",
          "Description"]


def run(*command, **options):
    """The standard output of `command`, which must succeed."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", **options).stdout


def read_version(header, revision):
    """(Debian version, seconds since 1970) from proto/contract/version.h."""
    with open(header, encoding="utf-8") as file:
        text = file.read()
    version = re.search(r'kVersion = "([0-9.]+)"', text).group(1)
    released = int(re.search(r"kReleased = ([0-9']+);", text).group(1).replace("'", ""))
    return "%s-%s" % (version, revision), released


def write(path, octets, mode=0o644):
    """Writes a file with exactly that mode."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(octets)
    os.chmod(path, mode)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def compress(octets):
    """As gzip -9n does."""
    return gzip.compress(octets, compresslevel=9, mtime=0)


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == _ELF


def strip(path):
    """Takes out what only debuggers read, as dh_strip does."""
    os.chmod(path, os.stat(path).st_mode | 0o200)
    with open(path, "rb") as file:
        start = file.read(8)
    if start == _ARCHIVE:
        run("strip", "--strip-debug", "--enable-deterministic-archives", path)
    elif start.startswith(_ELF):
        scope = ["--strip-unneeded"] if ".so" in os.path.basename(path) else []
        run("strip", "--remove-section=.comment", "--remove-section=.note", *scope, path)


def install(tree, files, links, substitutions):
    """Puts `files` and `links` of the manifest into the folder `tree`."""
    for entry in files:
        path = entry["path"]
        source = entry["source"]
        if path.endswith("/"):
            path += os.path.basename(source)
        path = substitute(path, substitutions)
        if not path.startswith("/") or ".." in path.split("/"):
            raise ValueError("no absolute path: " + path)
        target = tree + path
        if os.path.lexists(target):
            raise ValueError("two files for " + path)
        octets = read(source)
        if entry.get("substitute"):
            octets = substitute(octets.decode(), substitutions).encode()
        if path.endswith(".gz") and not source.endswith(".gz"):
            octets = compress(octets)
        write(target, octets, int(entry["mode"], 8))
        strip(target)
        os.chmod(target, int(entry["mode"], 8))
    for path, aim in links.items():
        target = tree + substitute(path, substitutions)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(substitute(aim, substitutions), target)


def substitute(text, substitutions):
    for name, value in substitutions.items():
        text = text.replace("{%s}" % name, value)
    return text


def walk(tree):
    """The paths of everything in `tree`, relative to it, sorted."""
    found = []
    for folder, folders, files in os.walk(tree):
        found += [os.path.relpath(os.path.join(folder, name), tree) for name in folders + files]
    return sorted(found)


def plain_files(tree):
    """Those of `walk` that are files, without what is for dpkg."""
    return [path for path in walk(tree) if not path.startswith("DEBIAN/") and
            not os.path.islink(os.path.join(tree, path)) and os.path.isfile(os.path.join(tree, path))]


def linked_packages(binaries, package):
    """What dpkg-shlibdeps says for `binaries`: the value of Depends."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder + "/debian/control",
              ("Source: ddskeyd\n\nPackage: %s\nArchitecture: any\n" % package).encode())
        said = run("dpkg-shlibdeps", "-O", *["-e" + os.path.abspath(path) for path in binaries],
                   cwd=folder)
    return [part.strip() for part in said.strip().partition("shlibs:Depends=")[2].split(",") if part.strip()]


def needed_libraries(path):
    """The sonames that the ELF file names as needed."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-dW", path))


def owner_of(library):
    """The Debian package that has the shared library `library` of this machine."""
    cache = run("/sbin/ldconfig", "-p")
    for path in re.findall(r"^\s*%s \(.*\) => (.+)$" % re.escape(library), cache, re.MULTILINE):
        # Package databases know libraries by the path before /usr was merged, or by the one after it.
        for name in (os.path.realpath(path), re.sub("^/usr", "", os.path.realpath(path))):
            found = subprocess.run(["dpkg-query", "-S", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   encoding="utf-8", check=False)
            if found.returncode == 0:
                return found.stdout.split(":")[0]
    raise ValueError("no Debian package has " + library)


def control_file(fields):
    """The text of DEBIAN/control; empty fields are left out."""
    lines = ["%s: %s" % (name, fields[name]) for name in _ORDER if fields.get(name)]
    unknown = set(fields) - set(_ORDER)
    if unknown:
        raise ValueError("unknown field: " + ", ".join(sorted(unknown)))
    return "\n".join(lines) + "\n"


def description(summary, text):
    """The value of Description."""
    paragraphs = [textwrap.wrap(paragraph, 76) for paragraph in text.strip().split("\n\n")]
    lines = [summary]
    for number, paragraph in enumerate(paragraphs):
        lines += (["."] if number else []) + paragraph
    return "\n ".join(lines)


def installed_size(tree):
    """In KiB, as dpkg-gencontrol counts: each file rounded up, one for everything else."""
    size = 1
    for path in walk(tree):
        full = os.path.join(tree, path)
        if path == "DEBIAN":
            continue
        size += -(-os.path.getsize(full) // 1024) if os.path.isfile(full) and not os.path.islink(full) else 1
    return size


def add_dpkg_files(tree, manifest, fields, substitutions):
    """Adds the folder DEBIAN to `tree`."""
    conffiles = ["/" + path for path in plain_files(tree) if path.startswith("etc/")]
    sums = "".join("%s  %s\n" % (hashlib.md5(read(os.path.join(tree, path))).hexdigest(), path)
                   for path in plain_files(tree) if "/" + path not in conffiles)
    write(tree + "/DEBIAN/control", control_file(fields).encode())
    write(tree + "/DEBIAN/md5sums", sums.encode())
    if conffiles:
        write(tree + "/DEBIAN/conffiles", "".join(path + "\n" for path in conffiles).encode())
    for name, source in manifest["scripts"].items():
        mode = 0o644 if name in ("templates", "triggers") else 0o755
        write(tree + "/DEBIAN/" + name, substitute(read(source).decode(), substitutions).encode(), mode)


def set_times(tree, seconds):
    """And the modes of folders."""
    for path in [""] + walk(tree):
        full = os.path.join(tree, path)
        if os.path.isdir(full) and not os.path.islink(full):
            os.chmod(full, 0o755)
        os.utime(full, (seconds, seconds), follow_symlinks=False)


def pack(tree, output, seconds):
    """Packs `tree` into the file `output`."""
    environment = dict(os.environ, SOURCE_DATE_EPOCH=str(seconds), LC_ALL="C.UTF-8", TZ="UTC")
    # The octets of xz depend on how many threads write them.
    run("dpkg-deb", "--root-owner-group", "--threads-max=1", "-Zxz", "--build", tree, output, env=environment)


def build(manifest, version, seconds, output):
    """Makes the package `output`, and returns what the bill of materials needs to know about it."""
    architecture = run("dpkg", "--print-architecture").strip()
    substitutions = {
        "triplet": run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip(),
        "version": version,
        "upstream_version": version.rpartition("-")[0],
        "package": manifest["package"],
        "maintainer": manifest["maintainer"],
        "date": email.utils.formatdate(seconds),
    }
    with tempfile.TemporaryDirectory() as folder:
        tree = folder + "/tree"
        # By this folder dpkg-shlibdeps knows where a package begins.
        os.makedirs(tree + "/DEBIAN")
        install(tree, manifest["files"], manifest["links"], substitutions)
        binaries = [os.path.join(tree, path) for path in plain_files(tree) if is_elf(os.path.join(tree, path))]
        fields = {name: ", ".join(values) for name, values in manifest["relations"].items()}
        linked = linked_packages(binaries, manifest["package"]) if binaries else []
        fields["Depends"] = ", ".join(sorted(set(linked)) + manifest["relations"].get("Depends", []))
        fields = {name: substitute(value, substitutions) for name, value in fields.items()}
        fields.update({
            "Package": manifest["package"],
            "Source": "ddskeyd",
            "Version": version,
            "Architecture": architecture,
            "Maintainer": manifest["maintainer"],
            "Installed-Size": str(installed_size(tree)),
            "Section": manifest["section"],
            "Priority": "optional",
            "Multi-Arch": manifest["multi_arch"],
            "Description": description(manifest["summary"], manifest["description"]),
        })
        if fields["Source"] == fields["Package"]:
            del fields["Source"]
        libraries = {os.path.relpath(path, tree): {name: owner_of(name) for name in needed_libraries(path)}
                     for path in binaries}
        add_dpkg_files(tree, manifest, fields, substitutions)
        set_times(tree, seconds)
        pack(tree, output, seconds)
    return {
        "package": manifest["package"],
        "version": version,
        "architecture": architecture,
        "released": seconds,
        "summary": manifest["summary"],
        "sha256": hashlib.sha256(read(output)).hexdigest(),
        "libraries": libraries,
        "depends": fields["Depends"],
    }


def main():
    parser = argparse.ArgumentParser()
    for name in ("manifest", "version-header", "output", "links"):
        parser.add_argument("--" + name, required=True)
    arguments = parser.parse_args()
    os.umask(0o022)
    with open(arguments.manifest, encoding="utf-8") as file:
        manifest = json.load(file)
    version, seconds = read_version(arguments.version_header, manifest["revision"])
    facts = build(manifest, version, seconds, os.path.abspath(arguments.output))
    write(arguments.links, (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode())


if __name__ == "__main__":
    main()
