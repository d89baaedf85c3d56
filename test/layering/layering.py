"""Checks that sources include only what docs/architecture.md lets them include.

layering.py ROOT: prints each violation as FILE:LINE: what is wrong; the exit status is 1 if there are any.

Bazel's visibility guards the targets; this guards what it cannot see: system headers, headers that come along through
another target, and the table itself. A folder that is in no row of the table is a violation too.
"""

import os
import re
import sys

# Folder -> what its sources may include of ours, besides their own folder. "x/" stands for the headers directly in x,
# "x/**" for everything below it as well. A row is for its own folder only; the one of test is for all below it too.
TABLE = {
    "proto/contract": [],
    "policy": ["proto/contract/", "ddskey/v1/policy.pb.h"],
    "daemon/audit": ["proto/contract/"],
    "daemon/backend": ["proto/contract/"],
    "daemon/backend/pkcs11": ["proto/contract/", "daemon/backend/"],
    "daemon/backend/software": ["proto/contract/", "daemon/backend/"],
    "daemon/backend/tpm2": ["proto/contract/", "daemon/backend/"],
    "daemon/backend/pkcs11": ["proto/contract/", "daemon/backend/"],
    # The process of its own in which modules of others run: it shares the protocol with the daemon, and nothing else.
    "daemon/backend/pkcs11/helper": ["proto/contract/", "daemon/backend/pkcs11/"],
    "daemon/backend/pkcs11": ["proto/contract/", "daemon/backend/"],
    # A program of its own, of which the daemon has the other half.
    "daemon/backend/pkcs11/helper": ["proto/contract/", "daemon/backend/", "daemon/backend/pkcs11/"],
    "daemon/handshake": ["proto/contract/"],
    "daemon/keystore": ["proto/contract/"],
    "daemon/service": ["proto/contract/"],
    "daemon/trust": ["proto/contract/"],
    "daemon/config": ["proto/contract/", "policy/", "ddskey/v1/config.pb.h"],
    "daemon/custodian": [
        "proto/contract/", "policy/", "daemon/audit/", "daemon/backend/", "daemon/handshake/", "daemon/keystore/",
        "daemon/trust/",
    ],
    "daemon/rpc": ["proto/contract/", "policy/", "daemon/custodian/", "ddskey/v1/**"],
    "daemon": ["proto/contract/", "policy/", "daemon/**", "ddskey/v1/**"],
    "client": ["proto/contract/", "ddskey/v1/**"],
    "client/ca": ["proto/contract/"],
    "client/attestation": ["proto/contract/", "client/ca/", "ddskey/v1/attestation.pb.h"],
    "client/ros2": ["proto/contract/", "client/", "client/ca/", "ddskey/v1/admin.pb.h"],
    "client/doctor": ["proto/contract/", "policy/", "client/", "client/ca/", "ddskey/v1/**"],
    # Writes the policy and the configuration of a host, and reads whether they are right as the daemon does.
    "client/setup": [
        "proto/contract/", "policy/", "client/", "client/ca/", "client/ros2/", "ddskey/v1/admin.pb.h",
        "ddskey/v1/config.pb.h",
    ],
    "client/cli": [
        "proto/contract/", "policy/", "client/", "client/attestation/", "client/ca/", "client/doctor/", "client/ros2/",
        "client/setup/",
        "ddskey/v1/**",
    ],
    "plugin_shim/core": ["proto/contract/", "client/", "ddskey/v1/**"],
    "plugin_shim/cyclonedds": ["proto/contract/", "plugin_shim/core/", "ddskey/v1/authentication.pb.h"],
    # What it shares with the other host is little: no handshakes, no participants.
    "plugin_shim/pkcs11": ["proto/contract/", "plugin_shim/core/", "client/", "ddskey/v1/signing.pb.h"],
    "test": ["**"],
}

# Headers of libraries -> the only folders (with everything below them) or files whose sources may include them. The
# folder test may include all.
LIBRARIES = {
    "tss2/": [
        "daemon/backend/tpm2",
        # Structures that TPMs have signed are read where there is no TPM: with tpm2-tss's parser, which is kept well, not
        # with one of ours. Nothing there talks to a TPM.
        "client/attestation",
    ],
    "sqlite3": ["daemon/keystore"],
    "grpc/": ["daemon", "client/cli"],
    "grpcpp/": ["daemon", "client/cli"],
    "nghttp2/": ["client", "daemon/rpc"],
    "spdlog/": ["daemon"],
    # The tool asks the system bus for tpm2-abrmd.
    "systemd/": ["daemon", "client/setup/backend_probe.cc"],
    "dds/": ["plugin_shim/cyclonedds"],
    "p11-kit-1/": ["plugin_shim/pkcs11", "daemon/backend/pkcs11/helper"],
    "nettle/": ["plugin_shim/pkcs11"],
    "absl/": [
        "proto/contract", "policy", "daemon", "client/attestation", "client/ca", "client/cli", "client/doctor",
        "client/ros2", "client/setup",
        # For administrators' tools only; no shim links it.
        "client/admin_client.h", "client/socket_admin_client.h", "client/socket_admin_client.cc",
    ],
}

# What tests beside the code, and the fixtures they share, may include as well.
_TESTS = ("_test", "_fixture")
_TESTS_MAY = ["test/**"]
_OURS = ("proto/", "policy/", "daemon/", "client/", "plugin_shim/", "test/", "ddskey/")
_SOURCES = (".h", ".cc", ".c")
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def row_of(path, table):
    """The row of `table` for the source `path`, or None."""
    folder = "test" if path.startswith("test/") else os.path.dirname(path)
    return folder if folder in table else None


def matches(header, pattern):
    """Whether `header` is what an entry of the table stands for."""
    if pattern.endswith("**"):
        return header.startswith(pattern[:-2])
    if pattern.endswith("/"):
        return os.path.dirname(header) + "/" == pattern
    return header == pattern


def guard_of(path):
    """The include guard that the header `path` must have."""
    return re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"


def check_include(path, header, table=None, libraries=None):
    """Says what is wrong with `path` including `header`, or returns None."""
    table = TABLE if table is None else table
    libraries = LIBRARIES if libraries is None else libraries
    if header.startswith(("../", "./")):
        return "include paths start at the root: " + header
    for library, folders in libraries.items():
        may = path.startswith("test/") or (path + "/").startswith(tuple(folder + "/" for folder in folders))
        if header.startswith(library) and not may:
            return "only %s may include <%s>" % (", ".join(folders), header)
    if not header.startswith(_OURS):
        return None
    row = row_of(path, table)
    if row is None:
        return "no row of the layering table covers this folder"
    if os.path.dirname(header) == row:
        return None
    allowed = table[row] + (_TESTS_MAY if os.path.splitext(path)[0].endswith(_TESTS) else [])
    if any(matches(header, pattern) for pattern in allowed):
        return None
    return "%s must not include %s" % (row, header)


def check_source(path, text):
    """Returns [(line, what is wrong)] for the source `text` of `path`."""
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        include = _INCLUDE.match(line)
        if include:
            problem = check_include(path, include.group(2))
            if problem is None and include.group(1) == "<" and include.group(2).startswith(_OURS):
                problem = "headers of ours are included with quotes"
            if problem:
                wrong.append((number, problem))
    if path.endswith(".h"):
        guard = guard_of(path)
        guards = re.findall(r"^#(ifndef|define) (\w+)$", text, re.MULTILINE)[:2]
        if guards != [("ifndef", guard), ("define", guard)]:
            wrong.append((1, "the include guard must be " + guard))
        if not text.rstrip().endswith("#endif  // " + guard):
            wrong.append((len(text.splitlines()), "the last line must be #endif  // " + guard))
    return wrong


def sources(root):
    """Yields the paths, relative to `root`, of all our sources."""
    for top in sorted({prefix.split("/")[0] for prefix in TABLE}):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith(_SOURCES):
                    yield os.path.relpath(os.path.join(folder, name), root)


def is_built(root, path):
    """Whether the BUILD file beside `path` names it, also without its ending."""
    folder, name = os.path.split(path)
    try:
        with open(os.path.join(root, folder, "BUILD.bazel"), encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return False
    return '"%s"' % name in text or '"%s"' % os.path.splitext(name)[0] in text


def check_tree(root):
    """Returns (violations as lines of text, number of sources read)."""
    lines, count = [], 0
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            problems = check_source(path, file.read())
        if not is_built(root, path):
            problems.append((1, "no target of the BUILD file beside it names this file"))
        lines += ["%s:%d: %s" % (path, number, problem) for number, problem in problems]
        count += 1
    return lines, count


def main(arguments):
    lines, count = check_tree(arguments[0] if arguments else ".")
    if count == 0:
        lines.append("no sources found")
    print("\n".join(lines + ["%d sources, %d violations" % (count, len(lines))]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
