#include "test/support/forged_tpm.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "client/attestation/credential.h"
#include "client/attestation/tpm_structures.h"
#include "proto/contract/attestation_binding.h"

namespace ddskey::test {
namespace {

using attestation::Sha256;

constexpr TPMA_OBJECT kMade = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;
constexpr std::array<uint8_t, 32> kEkPolicy = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                                               0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                                               0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};

void Must(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "a forged TPM cannot %s\n", what);
  std::abort();
}

unsigned char* Octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Octets(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

template <typename Buffer>
void Fill(Buffer& buffer, const std::string& text) {
  buffer.size = static_cast<UINT16>(text.size());
  std::copy(text.begin(), text.end(), buffer.buffer);
}

void FillName(TPM2B_NAME& name, const std::string& text) {
  name.size = static_cast<UINT16>(text.size());
  std::copy(text.begin(), text.end(), name.name);
}

std::string Marshalled(const TPMS_ATTEST& statement) {
  std::array<uint8_t, 1024> octets;
  size_t size = 0;
  Must(Tss2_MU_TPMS_ATTEST_Marshal(&statement, octets.data(), octets.size(), &size) == TSS2_RC_SUCCESS,
       "write a statement");
  return {reinterpret_cast<char*>(octets.data()), size};
}

std::string SignedBy(const TestKey& key, const std::string& octets) {
  const std::string der = key.Sign(octets);
  const auto* at = Octets(der);
  ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  TPMT_SIGNATURE signature = {};
  signature.sigAlg = TPM2_ALG_ECDSA;
  signature.signature.ecdsa.hash = TPM2_ALG_SHA256;
  for (auto [number, out] : {std::pair(ECDSA_SIG_get0_r(pair), &signature.signature.ecdsa.signatureR),
                             std::pair(ECDSA_SIG_get0_s(pair), &signature.signature.ecdsa.signatureS)}) {
    out->size = 32;
    BN_bn2binpad(number, out->buffer, 32);
  }
  ECDSA_SIG_free(pair);
  std::array<uint8_t, 512> written;
  size_t size = 0;
  Must(Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, written.data(), written.size(), &size) == TSS2_RC_SUCCESS,
       "write a signature");
  return {reinterpret_cast<char*>(written.data()), size};
}

// OpenSeed is the seed of a credential, or nothing if it is not encrypted to `key`.
std::optional<std::string> OpenSeed(EVP_PKEY* key, const std::string& encrypted) {
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new(key, nullptr);
  std::string seed(256, '\0');
  size_t size = seed.size();
  auto* const label = static_cast<unsigned char*>(OPENSSL_memdup("IDENTITY", 9));
  const bool opened = EVP_PKEY_decrypt_init(context) == 1 &&
                      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                      EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
                      EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
                      EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, 9) == 1 &&
                      EVP_PKEY_decrypt(context, Octets(seed), &size, Octets(encrypted), encrypted.size()) == 1;
  EVP_PKEY_CTX_free(context);
  if (!opened) return std::nullopt;
  return seed.substr(0, size);
}

// AgreeSeed is the same of an EC key: `encrypted` is a marshalled point.
std::optional<std::string> AgreeSeed(EVP_PKEY* key, const std::string& own_x, const std::string& encrypted) {
  TPMS_ECC_POINT point = {};
  size_t at = 0;
  if (Tss2_MU_TPMS_ECC_POINT_Unmarshal(Octets(encrypted), encrypted.size(), &at, &point) != TSS2_RC_SUCCESS ||
      point.x.size != 32 || point.y.size != 32) {
    return std::nullopt;
  }
  TPMT_PUBLIC area = {};
  area.type = TPM2_ALG_ECC;
  area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  area.unique.ecc = point;
  const auto theirs = attestation::KeyOf(area, "a point");
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new(key, nullptr);
  std::string z(32, '\0');
  size_t size = z.size();
  const bool agreed = theirs.ok() && EVP_PKEY_derive_init(context) == 1 &&
                      EVP_PKEY_derive_set_peer(context, theirs->get()) == 1 &&
                      EVP_PKEY_derive(context, Octets(z), &size) == 1;
  EVP_PKEY_CTX_free(context);
  if (!agreed) return std::nullopt;
  return *attestation::Kdfe(z, attestation::Text(point.x), own_x);
}

}  // namespace

std::string DerOf(const std::string& pem) {
  BIO* const in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  unsigned char* octets = nullptr;
  const int size = i2d_X509(certificate, &octets);
  Must(size > 0, "read a certificate");
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  X509_free(certificate);
  return der;
}

ForgedTpm::ForgedTpm(TestKeyType endorsement) : type_(endorsement), endorsement_(TestKey::Generate(endorsement)) {}

CertificateOptions ForgedTpm::EkOptions(TestKeyType type) {
  CertificateOptions options;
  options.subject = {{"CN", "a TPM"}};
  options.extensions = {
      {"basicConstraints", "critical,CA:FALSE"},
      {"keyUsage", type == TestKeyType::kRsa2048 ? "critical,keyEncipherment" : "critical,keyAgreement"},
      {"extendedKeyUsage", "2.23.133.8.1"}};
  return options;
}

std::string ForgedTpm::Certificate(const CertificateOptions& options) const {
  return DerOf(manufacturer_.Issue(endorsement_.public_key(), options));
}

TPMT_PUBLIC ForgedTpm::AreaOf(const TestKey& key) {
  TPMT_PUBLIC area = {};
  area.nameAlg = TPM2_ALG_SHA256;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    area.type = TPM2_ALG_RSA;
    area.parameters.rsaDetail = {{TPM2_ALG_NULL, {}, {}}, {TPM2_ALG_NULL, {}}, 2048, 0};
    BIGNUM* n = nullptr;
    Must(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n) == 1, "read a modulus");
    area.unique.rsa.size = 256;
    BN_bn2binpad(n, area.unique.rsa.buffer, 256);
    BN_free(n);
    return area;
  }
  area.type = TPM2_ALG_ECC;
  area.parameters.eccDetail = {{TPM2_ALG_NULL, {}, {}}, {TPM2_ALG_NULL, {}}, TPM2_ECC_NIST_P256, {TPM2_ALG_NULL, {}}};
  std::string point(65, '\0');
  size_t size = 0;
  Must(EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, Octets(point), point.size(), &size) == 1,
       "read a point");
  Fill(area.unique.ecc.x, point.substr(1, 32));
  Fill(area.unique.ecc.y, point.substr(33));
  return area;
}

std::string ForgedTpm::Request(const TestKey& key, const std::string& name) {
  X509_REQ* const request = X509_REQ_new();
  X509_NAME* const subject = X509_REQ_get_subject_name(request);
  X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, Octets(std::string("Lab")), -1, -1, 0);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, Octets(name), -1, -1, 0);
  Must(X509_REQ_set_pubkey(request, key.get()) == 1 && X509_REQ_sign(request, key.get(), EVP_sha256()) > 0,
       "sign a request");
  unsigned char* octets = nullptr;
  const int size = i2d_X509_REQ(request, &octets);
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  X509_REQ_free(request);
  return der;
}

ForgedTpm::Draft ForgedTpm::Good() const {
  Draft draft;
  draft.csr = Request(key_, "talker");
  draft.ek_certificates = {Certificate(EkOptions(type_))};
  draft.ek = AreaOf(endorsement_);
  draft.ek.objectAttributes = kMade | TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
  draft.ek.authPolicy.size = kEkPolicy.size();
  std::ranges::copy(kEkPolicy, draft.ek.authPolicy.buffer);
  TPMT_SYM_DEF_OBJECT& symmetric = type_ == TestKeyType::kRsa2048 ? draft.ek.parameters.rsaDetail.symmetric
                                                                  : draft.ek.parameters.eccDetail.symmetric;
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  draft.ak = AreaOf(attestation_);
  draft.ak.objectAttributes = kMade | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT;
  draft.ak.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
  draft.ak.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  draft.key = AreaOf(key_);
  draft.key.objectAttributes = kMade | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT;
  Fill(draft.key.authPolicy, Sha256("ddskey/tpm2/purpose/1/handshake"));
  for (uint32_t i = 0; i < 8; ++i) draft.pcrs[i] = std::string(32, static_cast<char>('0' + i));
  return draft;
}

v1::AttestationBundle ForgedTpm::Sign(const Draft& draft) const {
  v1::AttestationBundle bundle;
  bundle.set_version(1);
  bundle.set_identity(draft.identity);
  bundle.set_nonce(draft.nonce);
  bundle.set_csr(draft.csr);
  for (const std::string& certificate : draft.ek_certificates) bundle.add_ek_certificates(certificate);
  bundle.set_ek_public(attestation::MarshalPublic(draft.ek));
  bundle.set_ak_public(attestation::MarshalPublic(draft.ak));
  bundle.set_key_public(attestation::MarshalPublic(draft.key));
  TPMS_ATTEST certify = {};
  certify.magic = TPM2_GENERATED_VALUE;
  const auto ek = attestation::KeyOf(draft.ek, "the endorsement key");
  Fill(certify.extraData,
       Sha256(BindingOctets({draft.nonce, draft.identity, Sha256(draft.csr),
                             ek.ok() ? attestation::KeyDigest(ek->get()) : "", attestation::NameOf(draft.ak)})));
  TPMS_ATTEST quote = certify;
  certify.type = TPM2_ST_ATTEST_CERTIFY;
  FillName(certify.attested.certify.name, attestation::NameOf(draft.key));
  quote.type = TPM2_ST_ATTEST_QUOTE;
  TPMS_QUOTE_INFO& info = quote.attested.quote;
  info.pcrSelect.count = 1;
  info.pcrSelect.pcrSelections[0].hash = TPM2_ALG_SHA256;
  info.pcrSelect.pcrSelections[0].sizeofSelect = 3;
  std::string values;
  for (const auto& [index, value] : draft.pcrs) {
    info.pcrSelect.pcrSelections[0].pcrSelect[index / 8] |= static_cast<BYTE>(1U << (index % 8));
    values += value;
    v1::PcrValue& pcr = *bundle.add_pcrs();
    pcr.set_index(index);
    pcr.set_sha256(value);
  }
  Fill(info.pcrDigest, Sha256(values));
  draft.alter_certify(certify);
  draft.alter_quote(quote);
  bundle.set_certify_info(Marshalled(certify));
  bundle.set_certify_signature(SignedBy(attestation_, bundle.certify_info()));
  bundle.set_quote_info(Marshalled(quote));
  bundle.set_quote_signature(SignedBy(attestation_, bundle.quote_info()));
  return bundle;
}

std::optional<std::string> ForgedTpm::Activate(const std::string& credential, const std::string& encrypted_seed,
                                               const std::string& loaded) const {
  const TPMT_PUBLIC area = AreaOf(endorsement_);
  const auto seed =
      type_ == TestKeyType::kRsa2048
          ? OpenSeed(endorsement_.get(), encrypted_seed)
          : AgreeSeed(endorsement_.get(), std::string(attestation::Text(area.unique.ecc.x)), encrypted_seed);
  if (!seed.has_value() || credential.size() < 34) return std::nullopt;
  const std::string mac = credential.substr(2, 32);
  const std::string encrypted = credential.substr(34);
  const std::string authenticated = encrypted + loaded;
  const std::string key = *attestation::Kdfa(*seed, "INTEGRITY", "", 32);
  std::string expected(32, '\0');
  size_t size = 0;
  EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), Octets(authenticated),
            authenticated.size(), Octets(expected), expected.size(), &size);
  if (expected != mac) return std::nullopt;
  const std::string storage = *attestation::Kdfa(*seed, "STORAGE", loaded, 16);
  constexpr std::array<unsigned char, 16> kNoIv = {};
  std::string plain(encrypted.size(), '\0');
  int written = 0;
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  Must(EVP_DecryptInit_ex(context, EVP_aes_128_cfb128(), nullptr, Octets(storage), kNoIv.data()) == 1 &&
           EVP_DecryptUpdate(context, Octets(plain), &written, Octets(encrypted), static_cast<int>(encrypted.size())) ==
               1,
       "decrypt");
  EVP_CIPHER_CTX_free(context);
  return plain.substr(2);
}

}  // namespace ddskey::test
