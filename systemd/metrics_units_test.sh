#!/bin/bash
# The units that write the metrics have no mistakes, and their sandbox is as tight as it was.
set -eu
tree=$(mktemp -d /tmp/ddskey.XXXXXX)
trap 'rm -rf "$tree"' EXIT
cp systemd/ddskeyctl-metrics.timer "$tree"
install -D -m 0755 /bin/true "$tree/usr/bin/ddskeyctl"
sed "s|^ExecStart=/usr/|ExecStart=$tree/usr/|" systemd/ddskeyctl-metrics.service >"$tree/ddskeyctl-metrics.service"

fail() {
  echo "$*"
  exit 1
}

# It exits with 0 even for keys it does not know: any word on stderr is a failure.
complaints=$(SYSTEMD_UNIT_PATH=$tree: systemd-analyze verify --man=no "$tree"/ddskeyctl-metrics.* 2>&1 |
  grep -F ddskeyctl || true)
[ -z "$complaints" ] || fail "systemd-analyze verify: $complaints"

# What ReplaceFile opens the folder with.
! grep -q '^SystemCallFilter=~.*@file-system' systemd/ddskeyctl-metrics.service || fail "openat2 is not allowed"
systemd-analyze syscall-filter @system-service | grep -qw @file-system || fail "@system-service has no @file-system"
systemd-analyze syscall-filter @file-system | grep -qw openat2 || fail "@file-system has no openat2"
# The folder above is not root's in Debian.
grep -qx 'ConditionPathIsSymbolicLink=!/var/lib/prometheus/node-exporter' systemd/ddskeyctl-metrics.service ||
  fail "a link in the folder's place is not refused"
# The page is where the package ddskeyd has it.
grep -q '^Documentation=.*/usr/share/doc/ddskeyd/docs/monitoring.md$' systemd/ddskeyctl-metrics.service ||
  fail "Documentation= does not name the page"

# The threshold is ten times the exposure level, 1.0; ours is 0.9.
SYSTEMD_UNIT_PATH=$tree: systemd-analyze security --offline=yes --threshold=10 "$tree/ddskeyctl-metrics.service" \
  >"$tree/report" 2>&1 || fail "$(cat "$tree/report")"
