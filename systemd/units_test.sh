#!/bin/bash
# units_test.sh DDSKEYD DDSKEYD-PKCS11: the units have no mistakes, and the sandboxes are as tight as they were.
set -eu
daemon=$(realpath "$1")
helper=$(realpath "$2")
units=$(mktemp -d /tmp/ddskey.XXXXXX)
trap 'rm -rf "$units"' EXIT
for unit in ddskeyd.service ddskeyd.socket ddskeyd-admin.socket ddskeyd-pkcs11@.service ddskeyd-pkcs11@.socket; do
  sed "s|/usr/local/sbin/ddskeyd|$daemon|; s|/usr/libexec/ddskeyd/ddskeyd-pkcs11|$helper|" "systemd/$unit" >"$units/$unit"
done

# It exits with 0 even for keys it does not know: any word on stderr is a failure. What it says about units of the
# machine it runs on is not about ours.
complaints=$(SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no "$units"/ddskeyd.service "$units"/ddskeyd.socket \
  "$units"/ddskeyd-admin.socket "$units"/ddskeyd-pkcs11@hsm.service "$units"/ddskeyd-pkcs11@hsm.socket 2>&1 |
  grep -F ddskeyd | grep -vF 'Failed to connect to bus' || true)
if [ -n "$complaints" ]; then
  echo "systemd-analyze verify: $complaints"
  exit 1
fi

# The threshold is ten times the exposure level: 1.2.
for unit in ddskeyd.service ddskeyd-pkcs11@hsm.service; do
  if ! SYSTEMD_UNIT_PATH=$units: systemd-analyze security --offline=yes --threshold=12 "$units/$unit" >"$units/report" 2>&1; then
    cat "$units/report"
    exit 1
  fi
done
