"""Looks for private keys where an attacker would: in files, environments, mapped files and memory."""

import os
import re

# PEM with content behind the label (libraries contain the labels alone), and the DER of an EC P-256 private key,
# PKCS#8 (RFC 5208) and SEC 1 (RFC 5915).
_PATTERNS = [
    ("PEM private key", re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}")),
    ("PKCS#8 private key", re.compile(
        rb"\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04")),
    ("SEC 1 private key", re.compile(rb"\x30\x77\x02\x01\x01\x04\x20")),
]
_LARGEST_FILE = 64 << 20


def in_bytes(content):
    """The kinds of private keys that `content` holds."""
    return [kind for kind, pattern in _PATTERNS if pattern.search(content)]


def in_file(path):
    try:
        with open(path, "rb") as file:
            return ["%s in %s" % (kind, path) for kind in in_bytes(file.read(_LARGEST_FILE))]
    except OSError:  # A socket, or gone.
        return []


def in_folder(folder):
    """Searches all files below `folder`. Returns (what was found, number of files)."""
    paths = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return [found for path in paths for found in in_file(path)], len(paths)


def _regions(pid):
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            start, end = (int(number, 16) for number in fields[0].split("-"))
            yield start, end, fields[1], fields[5].strip() if len(fields) > 5 else ""


def mapped_files(pid):
    """Paths of the files that are mapped into a process."""
    return sorted({path for _, _, _, path in _regions(pid) if path.startswith("/")})


def _memory(pid):
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for start, end, rights, path in _regions(pid):
            if rights.startswith("r") and path not in ("[vvar]", "[vsyscall]"):
                try:
                    memory.seek(start)
                    yield memory.read(end - start)
                except (OSError, ValueError, OverflowError):
                    continue


def in_process(pid):
    """Searches the environment, the mapped files and the memory of a process."""
    found = in_file("/proc/%d/environ" % pid)
    for path in mapped_files(pid):
        found += in_file(path)
    found += ["%s in the memory of process %d" % (kind, pid) for region in _memory(pid) for kind in in_bytes(region)]
    return sorted(set(found))


def memory_holds(pid, number):
    """Whether the memory of a process holds `number` (32 octets), either end first, as libraries keep big numbers."""
    return any(number in region or number[::-1] in region for region in _memory(pid))
