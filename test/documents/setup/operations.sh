# Around the blocks of docs/operations.md.
# shellcheck shell=bash disable=SC2034 # The page has the variables.
start_tpm
start_daemon
secret='correct horse'

# systemd finds nothing to say about a drop-in.
after_drop_in() {
  local said
  said=$(systemd-analyze verify --man=no /lib/systemd/system/ddskeyd.service 2>&1 || true)
  [[ $said != */etc/systemd/system/* ]] || fail "$said"
}

before_group() { useradd --system ocsp; }
after_group() {
  local said
  id -nG ocsp | grep -qw ddskey-admin || fail "not in the group"
  said=$(systemd-analyze verify --man=no /lib/systemd/system/ddskeyd-admin.socket 2>&1 || true)
  [[ $said != */etc/systemd/system/* ]] || fail "$said"
}

certify() { ddskeyctl ca sign ~/ca --request "$1" --subject "$2" --passphrase-file ~/passphrase --out "$3"; }

before_setup() {
  useradd gateway
  expect "Backend tpm (tpm2): healthy" ddskeyctl status
}
after_setup() { expect talker ddskeyctl identity list; }

# ddsperf stands for an application: it creates its participant and ends.
before_start() { sed -i 's/APPLICATION ARGUMENT.../runuser -u robot -- ddsperf -D 1 sanity/' "$BLOCK"; }

before_create() {
  # By hand from here on.
  systemctl stop ddskeyd
  find /var/lib/ddskeyd /etc/ddskeyd/policy.textproto -type f -delete
  systemctl start ddskeyd
  printf '%s\n' "$secret" >~/passphrase
  chmod 0600 ~/passphrase
  ddskeyctl ca init ~/ca --organization Robots --passphrase-file ~/passphrase
  cp ~/ca/identity_ca.pem .
}
before_install() { certify talker.csr /O=Robots/CN=talker talker.pem; }
before_renew() { certify next.csr /O=Robots/CN=talker next.pem; }
after_renew() { ddskeyctl store check; }
after_disable() {
  ! ddskeyctl identity show talker || fail "it is still there"
}

before_backup() {
  ddskeyctl identity create talker --subject /O=Robots/CN=talker --ca identity_ca.pem --backend software --out t.csr
  certify t.csr /O=Robots/CN=talker t.pem
  ddskeyctl cert install talker --certificate t.pem
  sed -i 's/^ddskeyctl backup [^ ]*/& | tee said/' "$BLOCK"
}
before_restore() {
  # Another machine, with the same secret.
  SHA256=$(sed -n 's/^SHA-256: //p' said)
  systemctl stop ddskeyd
  rm /var/lib/ddskeyd/keystore.db*
  systemctl start ddskeyd
}
after_restore() {
  ddskeyctl identity show talker
  ddskeyctl store check
}

# The page ends with it, when nothing is left of what was made above.
before_doctor() {
  rm -rf /etc/ddskeyd/{applications,authorities,ca,policy.textproto}
  systemctl restart ddskeyd
  expect "Backend tpm (tpm2): healthy" ddskeyctl status
  ddskeyctl setup --yes --identity talker=robot || fail "doctor finds something"
}

before_lost() { cp t.pem lost-robot.pem; }
after_lost() {
  ! openssl verify -crl_check -CAfile ~/ca/identity_ca.pem -CRLfile identity_ca.crl.new lost-robot.pem ||
    fail "it is not revoked"
}
after_emptied() { ! ddskeyctl identity show talker || fail "it is still there"; }
