#!/bin/bash
# Gives the machine a PKCS#11 token in software, and the user "guest" an identity whose key is in it (docs/keys.md).
set -e
home=/var/lib/ddskeyd-pkcs11/hsm
install -d -o ddskeyd-pkcs11 -g ddskeyd-pkcs11 -m 0700 $home $home/tokens
echo "directories.tokendir = $home/tokens" >$home/softhsm2.conf
chmod 0644 $home/softhsm2.conf
runuser -u ddskeyd-pkcs11 -- env SOFTHSM2_CONF=$home/softhsm2.conf \
  softhsm2-util --init-token --free --label robot --pin 12345678 --so-pin 87654321
printf 'MODULE=/usr/lib/softhsm/libsofthsm2.so\nARGUMENTS=--label robot\nSOFTHSM2_CONF=%s/softhsm2.conf\n' $home \
  >/etc/ddskeyd/pkcs11-hsm.env
(umask 077 && printf 12345678 >/etc/ddskeyd/credentials/pkcs11-pin)
# The first backend makes new keys.
sed -i '1i backend { name: "hsm" pkcs11 { helper_socket: "/run/ddskeyd-pkcs11/hsm.sock" } }' \
  /etc/ddskeyd/ddskeyd.textproto
systemctl enable --quiet --now ddskeyd-pkcs11@hsm.socket
systemctl restart ddskeyd.service
timeout 10 sh -c 'until ddskeyctl status >/dev/null; do sleep 0.1; done'
useradd --system guest
ddskeyctl setup --yes --identity guest=guest
