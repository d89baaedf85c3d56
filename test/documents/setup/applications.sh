# Around the blocks of docs/applications.md.
# shellcheck shell=bash
start_tpm
start_daemon

before_key() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout identity_ca.key -out identity_ca.pem \
    -subj "/O=Robots/CN=identity CA" -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
    -addext keyUsage=critical,keyCertSign,cRLSign
}
after_key() { ddskeyctl store check; }
