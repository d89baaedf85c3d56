#!/bin/bash
# The units and what goes with them have no mistakes, and the sandboxes are as tight as they were. All of it is put
# where the packages put it, below a folder of its own.
set -eu
tree=$(mktemp -d /tmp/ddskey.XXXXXX)
trap 'rm -rf "$tree"' EXIT
units=$tree/lib/systemd/system
install -D -m 0755 /bin/true "$tree/usr/sbin/ddskeyd"
install -D -m 0755 /bin/true "$tree/usr/libexec/ddskeyd/ddskeyd-pkcs11"
install -D -m 0644 -t "$units" systemd/ddskeyd.service systemd/ddskeyd.socket systemd/ddskeyd-admin.socket \
  systemd/ddskeyd-pkcs11@.service systemd/ddskeyd-pkcs11@.socket
install -D -m 0644 -t "$tree/lib/systemd/system-preset" systemd/80-ddskeyd.preset
install -D -m 0644 systemd/ddskeyd.sysusers.conf "$tree/usr/lib/sysusers.d/ddskeyd.conf"
install -D -m 0644 systemd/ddskeyd.tmpfiles.conf "$tree/usr/lib/tmpfiles.d/ddskeyd.conf"

fail() {
  echo "$*"
  exit 1
}

# What is in the tree is looked for there, and the rest of the machine's units where they are.
for unit in ddskeyd.service ddskeyd-pkcs11@.service; do
  sed -i "s|^ExecStart=/usr/|ExecStart=$tree/usr/|" "$units/$unit"
  grep -q "^ExecStart=$tree/usr/" "$units/$unit" || fail "$unit starts something else than the packages install"
done

# It exits with 0 even for keys it does not know: any word on stderr is a failure. What it says about units of the
# machine it runs on is not about ours.
complaints=$(SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no "$units"/ddskeyd.service "$units"/ddskeyd.socket \
  "$units"/ddskeyd-admin.socket "$units"/ddskeyd-pkcs11@hsm.service "$units"/ddskeyd-pkcs11@hsm.socket 2>&1 |
  grep -F ddskeyd | grep -vF 'Failed to connect to bus' || true)
[ -z "$complaints" ] || fail "systemd-analyze verify: $complaints"

# The threshold is ten times the exposure level, 1.0; ours are 0.7 and 0.6.
for unit in ddskeyd.service ddskeyd-pkcs11@hsm.service; do
  SYSTEMD_UNIT_PATH=$units: systemd-analyze security --offline=yes --threshold=10 "$units/$unit" >"$tree/report" 2>&1 ||
    fail "$(cat "$tree/report")"
done

# The presets begin what should begin, and no PKCS#11 module.
systemctl --root="$tree" preset-all 2>"$tree/report" || fail "systemctl preset-all: $(cat "$tree/report")"
for wanted in sockets.target.wants/ddskeyd.socket sockets.target.wants/ddskeyd-admin.socket \
  multi-user.target.wants/ddskeyd.service; do
  [ -L "$tree/etc/systemd/system/$wanted" ] || fail "the presets do not enable $wanted"
done
if compgen -G "$tree/etc/systemd/system/*/ddskeyd-pkcs11*" >/dev/null; then
  fail "the presets enable a PKCS#11 module"
fi

# Users and folders can be made, and again; who may not become another user cannot try.
if [ "$(id -u)" -eq 0 ]; then
  for _ in 1 2; do
    systemd-sysusers --root="$tree" ddskeyd.conf >"$tree/report" 2>&1 || fail "systemd-sysusers: $(cat "$tree/report")"
    complaints=$(systemd-tmpfiles --root="$tree" --create ddskeyd.conf 2>&1) || fail "systemd-tmpfiles: $complaints"
    [ -z "$complaints" ] || fail "systemd-tmpfiles: $complaints"
  done
  grep -q '^tss:.*:ddskeyd$' "$tree/etc/group" || fail "the daemon's user is not in the group tss"
  uid=$(sed -n 's/^ddskeyd:[^:]*:\([0-9]*\):.*/\1/p' "$tree/etc/passwd")
  [ "$(stat -c '%u %a' "$tree/var/lib/ddskeyd")" = "$uid 700" ] || fail "the state folder is not the daemon's alone"
  for folder in credentials credentials.encrypted; do
    [ "$(stat -c '%u %a' "$tree/etc/ddskeyd/$folder")" = "0 700" ] || fail "/etc/ddskeyd/$folder is not root's alone"
  done
fi
