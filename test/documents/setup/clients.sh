# Around the blocks of docs/clients.md.
# shellcheck shell=bash
start_tpm
start_daemon
install -m 0755 /page/setup/apt /usr/local/bin/apt
useradd talker

after_key() {
  cat >/etc/ddskeyd/policy.textproto <<'END'
rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_CREATE, KEY_LIST, STATUS, SIGN_DIGEST] }
rule { name: "talker" effect: ALLOW caller { user: "talker" } key: "talker" operation: SIGN_DIGEST }
END
  systemctl reload ddskeyd
}

after_packages() { expect ddskey p11-kit list-modules; }

before_openssl() {
  printf 'data\n' >data
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.pem -subj /CN=server
  openssl x509 -req -in <(openssl req -new -key server.key -subj /CN=talker) -CA server.pem -CAkey server.key -days 1 \
    -force_pubkey <(pkcs11-tool --module /usr/lib/x86_64-linux-gnu/pkcs11/libddskey_pkcs11.so --read-object --type pubkey \
      --label talker | openssl pkey -pubin -inform der) -out talker.pem
  printf '127.0.0.1 example.com\n' >>/etc/hosts
  openssl s_server -accept 443 -cert server.pem -key server.key -Verify 1 -CAfile server.pem -naccept 1 -quiet </dev/null \
    >server.log 2>&1 &
  wait_for bash -c 'ss -ltn | grep -q :443'
  # Nothing more is to be said to that server.
  sed -i '/s_client/s/$/ <\/dev\/null/' "$BLOCK"
}
after_openssl() {
  openssl req -in talker.csr -verify -noout
  openssl dgst -sha256 -verify <(openssl x509 -in talker.pem -pubkey -noout) -signature data.sig data
}

before_tool() { openssl dgst -sha256 -binary -out digest data; }
after_tool() {
  openssl pkeyutl -verify -pubin -inkey <(openssl x509 -in talker.pem -pubkey -noout) -sigfile data.sig -in digest
}
