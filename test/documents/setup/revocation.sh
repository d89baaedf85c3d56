# Around the blocks of docs/revocation.md.
# shellcheck shell=bash
start_tpm
start_daemon
printf 'correct horse\n' >~/passphrase
chmod 0600 ~/passphrase
for name in ca other; do
  ddskeyctl ca init ~/$name --organization Robots --passphrase-file ~/passphrase
done
cp ~/ca/identity_ca.pem .
cp ~/other/identity_ca.pem other_ca.pem
ddskeyctl ca crl ~/ca --passphrase-file ~/passphrase --out identity_ca.crl
ddskeyctl identity create talker --subject /O=Robots/CN=talker --ca identity_ca.pem --out talker.csr
ddskeyctl ca sign ~/ca --request talker.csr --subject /O=Robots/CN=talker --passphrase-file ~/passphrase --out talker.pem
ddskeyctl cert install talker --certificate talker.pem

before_trust() {
  local certificate list
  certificate=$(openssl x509 -in other_ca.pem -outform der | sha256sum | cut -c1-12)
  list=$(openssl crl -in identity_ca.crl -outform der | sha256sum | cut -c1-12)
  # Without the list of its CA the identity would be out of use: its list is installed again before that is demanded.
  sed -i "s/0123456789ab/$certificate/; s/fedcba987654/$list/; /^ddskeyctl crl remove/a $(
    printf 'ddskeyctl crl install talker --crl identity_ca.crl')" "$BLOCK"
}
after_trust() { ddskeyctl store check; }

before_list_file() {
  # The server that hands lists out.
  mkdir ~/web
  ddskeyctl ca crl ~/ca --passphrase-file ~/passphrase --out ~/web/identity_ca.crl
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ~/web.key -out ~/web.pem \
    -subj /CN=ca.example -addext subjectAltName=DNS:ca.example
  printf '127.0.0.1 ca.example ocsp.example.com\n' >>/etc/hosts
  (cd ~/web && openssl s_server -quiet -accept 443 -cert ~/web.pem -key ~/web.key -WWW) </dev/null >/dev/null 2>&1 &
  export CURL_CA_BUNDLE=$HOME/web.pem
  wait_for curl -fsS -o /dev/null https://ca.example/identity_ca.crl
  printf '%s\n' 'revocation_list_file { path: "/etc/ddskeyd/crl/identity_ca.crl" }' >>/etc/ddskeyd/ddskeyd.textproto
  systemctl restart ddskeyd
}
after_list_file() { expect /etc/ddskeyd/crl/identity_ca.crl ddskeyctl status; }

before_ocsp_folder() { useradd --system ocsp; }

before_ocsp_line() {
  # A responder of the CA, and an administrator who may do this only.
  printf 'authorityInfoAccess=OCSP;URI:http://ocsp.example.com/\nextendedKeyUsage=OCSPSigning\n' >responder.ext
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout responder.key -subj /CN=responder \
    -out responder.csr
  openssl x509 -req -in responder.csr -CA identity_ca.pem -CAkey ~/ca/identity_ca.key -passin file:"$HOME/passphrase" \
    -days 30 -extfile responder.ext -out responder.pem
  openssl ocsp -port 80 -CA identity_ca.pem -index ~/ca/index.txt -rsigner responder.pem -rkey responder.key -ndays 1 \
    </dev/null >ocsp.log 2>&1 &
  cp identity_ca.pem talker.pem /etc/ddskeyd/
  cat >/etc/ddskeyd/policy.textproto <<'END'
rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_LIST, STATUS] }
rule { name: "ocsp" effect: ALLOW caller { user: "ocsp" } key: "talker" operation: OCSP_INSTALL }
END
  printf '%s\n' 'admin_socket_mode: "0666"' >>/etc/ddskeyd/ddskeyd.textproto
  systemctl restart ddskeyd
  wait_for grep -q waiting ocsp.log
}
after_ocsp_line() { expect "OCSP response for peers:   next update" ddskeyctl trust list talker; }
