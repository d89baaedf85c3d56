# Around the blocks of docs/certificate_authority.md.
# shellcheck shell=bash
start_tpm
start_daemon

before_ca() {
  # What the administrator has written, and whom the list is for.
  printf '<dds><domain_access_rules/></dds>\n' >governance.xml
  printf '<dds><permissions/></dds>\n' >talker.xml
  ddskeyctl identity create listener --subject /O=Lab/CN=listener --out listener.csr
}

after_ca() {
  openssl verify -CAfile ~/ca/identity_ca.pem talker.pem
  ddskeyctl store check
  openssl smime -verify -in governance.p7s -CAfile ~/ca/permissions_ca.pem -out /dev/null
}

after_revoke() {
  ! openssl verify -crl_check -CAfile ~/ca/identity_ca.pem -CRLfile identity_ca.crl talker.pem || fail "it is not revoked"
}

before_revoke() { ddskeyctl trust add listener --ca ~/ca/identity_ca.pem; }
