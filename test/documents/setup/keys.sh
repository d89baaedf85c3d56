# Around the blocks of docs/keys.md.
# shellcheck shell=bash disable=SC2034,SC2154 # The page has the variables.
start_tpm
start_daemon
secret='correct horse'

# What needs a TPM at /dev/tpmrm0 is sealed with the machine's own key instead.
without_tpm() { sed -i 's/--with-key=host+tpm2/--with-key=host/' "$BLOCK"; }

# A daemon without keys, and with a TPM without memory.
afresh() {
  systemctl stop ddskeyd
  stop_tpm
  find /var/lib/ddskeyd -mindepth 1 -delete
  rm -f /etc/ddskeyd/credentials/* /etc/ddskeyd/credentials.encrypted/*
  start_tpm
  "$@"
  start_daemon
}

make_ca() {
  printf '%s\n' "$secret" >ca_passphrase
  chmod 0600 ca_passphrase
  rm -rf ca
  ddskeyctl ca init ca --organization Robots --passphrase-file ca_passphrase
  cp ca/identity_ca.pem .
}

before_software_secret() {
  without_tpm
  rm -f /var/lib/ddskeyd/software.secret
}
after_software_secret() {
  ddskeyctl key create first --backend software
  ddskeyctl store check
  [[ ! -e /var/lib/ddskeyd/software.secret ]] || fail "the credential was not used"
}

before_credential() { printf '1234' >pin.txt; }
after_credential() { [[ $(cat /run/credentials/ddskeyd.plain_pkcs11-pin.hsm) = 1234 ]] || fail "no credential"; }

before_storage_root() {
  tpm2_createprimary -Q -C o -G ecc -c srk.ctx \
    -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda'
  tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001
}
after_storage_root() {
  systemctl restart ddskeyd
  ddskeyctl key create second --backend tpm
  expect "$(tpm2_readpublic -c 0x81000001 | sed -n 's/^name: //p')" ddskeyctl status
}

before_key_auth() { without_tpm; }
after_key_auth() {
  ddskeyctl key create third --backend tpm
  ddskeyctl store check
}

before_unlock() {
  afresh tpm2_changeauth -Q -c owner "$secret"
  expect "has a password: give it with ddskeyctl backend unlock" ddskeyctl status
  # Its exit status says that something is wrong.
  sed -i 's/^ddskeyctl status /! &/' "$BLOCK"
}
after_unlock() { ddskeyctl key create talker --backend tpm; }

before_softhsm() {
  afresh
  printf '%s\n' 'backend { name: "hsm" pkcs11 { helper_socket: "/run/ddskeyd-pkcs11/hsm.sock" } }' \
    >>/etc/ddskeyd/ddskeyd.textproto
}
after_softhsm() { expect "the token wants a PIN" ddskeyctl status; }

before_pin() { without_tpm; }
after_pin() {
  ddskeyctl key create signer --backend hsm
  expect "$serial" ddskeyctl status
}

before_pin_by_hand() {
  rm /etc/ddskeyd/credentials.encrypted/pkcs11-pin
  systemctl restart ddskeyd
  expect "the token wants a PIN" ddskeyctl status
}
after_pin_by_hand() { ddskeyctl store check; }

softhsm() { runuser -u ddskeyd-pkcs11 -- env SOFTHSM2_CONF="$home/softhsm2.conf" "$@"; }
before_adopt() {
  softhsm pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label robot --login --pin "$secret" \
    --keypairgen --key-type EC:prime256v1 --usage-sign --label "my key" --id 4d79
}
after_adopt() { ddskeyctl store check; }

before_purge_from_token() {
  MODULE=/usr/lib/softhsm/libsofthsm2.so
  ID=4d79
  export SOFTHSM2_CONF=$home/softhsm2.conf
  ddskeyctl key delete talker --purge --yes
}
after_purge_from_token() {
  ! pkcs11-tool --module "$MODULE" --token-label robot --login --pin "$secret" --list-objects | grep -q "my key" ||
    fail "it is still there"
}

before_bound() {
  afresh
  make_ca
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkey -pubout -out authority.pem
}
after_bound() { expect sha256:0,2,7 ddskeyctl key show lidar; }

# The authority of the page is there before its firmware is another one: PCR 7 changes in between.
change_firmware() {
  ddskeyctl identity delete lidar --purge --yes
  ddskeyctl identity create lidar --subject /O=Robots/CN=lidar --ca identity_ca.pem --pcr sha256:0,2,7 \
    --pcr-authority authority.pem --pcr-label fleet --out bound.csr
  ddskeyctl store check
  tpm2_pcrextend 7:sha256=6b7ffa7cdcd30e1ff1a3e1e2bb3b4e5a0e7a8b9cadbecfd0e1f2031425364758
  expect "PCR 7" ddskeyctl store check
}
before_approve() { sed -i '/^# For each firmware/i change_firmware' "$BLOCK"; }
after_approve() {
  expect "1 approval" ddskeyctl key show lidar
  ddskeyctl store check
}

before_import_files() {
  afresh
  make_ca
  local folder=/home/robot/sros2/talker
  runuser -u robot -- mkdir -p "$folder"
  runuser -u robot -- openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/key.pem"
  openssl req -new -key "$folder/key.pem" -subj /O=Robots/CN=talker -out talker.csr
  ddskeyctl ca sign ca --request talker.csr --subject /O=Robots/CN=talker --passphrase-file ca_passphrase --out cert.pem
  install -o robot cert.pem "$folder/cert.pem"
}
after_import_files() { [[ ! -e /home/robot/sros2/talker/key.pem ]] || fail "the key is still in its file"; }

before_storage_root_like_others() { afresh; }

before_tss2() {
  systemctl restart ddskeyd
  printf '%s' "$secret" >passphrase
  chmod 0600 passphrase
}
after_tss2() { ddskeyctl store check; }

before_export_blob() {
  rm talker.tss2 talker.csr
  ddskeyctl key delete talker --purge --yes
  ddskeyctl key create talker --backend tpm
}
after_export_blob() { openssl req -in talker.csr -verify -noout; }

before_own_parent() {
  afresh
  ddskeyctl key create early --backend tpm
}
after_own_parent() {
  systemctl restart ddskeyd
  ddskeyctl key export-blob early --out early.tss2
}
