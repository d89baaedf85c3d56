# Around the blocks of docs/quickstart.md that need no whole system; ./dev test-system types the others.
# shellcheck shell=bash
start_tpm
start_daemon
useradd --system talker
certificate() { openssl x509 -in /etc/ddskeyd/applications/talker/certificate.pem -noout -pubkey; }

before_renewal() {
  expect "healthy" ddskeyctl status
  ddskeyctl setup --yes --identity talker=talker
  FIRST=$(certificate)
}
after_renewal() {
  [[ $(certificate) != "$FIRST" ]] || fail "the application's folder has the old certificate"
  [[ $(certificate) == $(openssl x509 -in talker.pem -noout -pubkey) ]] || fail "it has another one than the CA made"
  ddskeyctl store check
}
