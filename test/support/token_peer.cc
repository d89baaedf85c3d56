#include "test/support/token_peer.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace ddskey::test {
namespace {

constexpr char kDomain = 77;

void Must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "TokenPeer: cannot %s\n", what);
  std::abort();
}

std::string Hash(const std::string& octets) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(octets.data()), octets.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

using Properties = std::vector<std::pair<std::string, std::string>>;

// Cdr is a big-endian CDR BinaryPropertySeq (DDS Security 7.2.2).
std::string Cdr(const Properties& properties) {
  std::string out;
  const auto number = [&out](size_t value) {
    while (out.size() % 4 != 0) out.push_back('\0');
    for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(value >> shift));
  };
  number(properties.size());
  for (const auto& [name, value] : properties) {
    number(name.size() + 1);
    out += name + '\0';
    number(value.size());
    out += value;
  }
  return out;
}

std::string HashOfCredentials(const v1::DataHolder& token) {
  Properties present;
  for (const char* name : {"c.id", "c.perm", "c.pdata", "c.dsign_algo", "c.kagree_algo"}) {
    for (const v1::BinaryProperty& property : token.binary_properties()) {
      if (property.name() == name) present.emplace_back(name, property.value());
    }
  }
  return Hash(Cdr(present));
}

std::shared_ptr<X509> ReadCertificate(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         BIO_free_all);
  X509* const certificate = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr);
  Must(certificate != nullptr, "read a certificate");
  return {certificate, X509_free};
}

std::string SubjectDer(const std::string& pem) {
  const auto certificate = ReadCertificate(pem);
  unsigned char* der = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(certificate.get()), &der);
  Must(size > 0, "encode a subject");
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool Verifies(const std::string& certificate_pem, const std::string& octets, const std::string& signature) {
  const auto certificate = ReadCertificate(certificate_pem);
  EVP_PKEY* const key = X509_get0_pubkey(certificate.get());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;
  Must(EVP_DigestVerifyInit(context.get(), &options, EVP_sha256(), nullptr, key) == 1, "verify");
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    // Cyclone DDS and Fast DDS take any salt length.
    Must(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_AUTO) == 1,
         "verify with PSS");
  }
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(octets.data()), octets.size()) == 1;
}

}  // namespace

std::string ValueOf(const v1::DataHolder& token, const std::string& name) {
  for (const v1::BinaryProperty& property : token.binary_properties()) {
    if (property.name() == name) return property.value();
  }
  return "";
}

void SetValue(v1::DataHolder& token, const std::string& name, const std::string& value) {
  for (v1::BinaryProperty& property : *token.mutable_binary_properties()) {
    if (property.name() == name) return property.set_value(value);
  }
  v1::BinaryProperty& added = *token.add_binary_properties();
  added.set_name(name);
  added.set_value(value);
}

void RemoveValue(v1::DataHolder& token, const std::string& name) {
  v1::DataHolder rest;
  rest.set_class_id(token.class_id());
  for (const v1::BinaryProperty& property : token.binary_properties()) {
    if (property.name() != name) *rest.add_binary_properties() = property;
  }
  token = rest;
}

TokenPeer::TokenPeer(const TestCa& ca, const CertificateOptions& options, TestKeyType type, Habits habits)
    : key(TestKey::Generate(type)),
      certificate(ca.Issue(key.public_key(), options)),
      signature_algorithm(EVP_PKEY_is_a(key.get(), "RSA") == 1 ? "RSASSA-PSS-SHA256" : "ECDSA-SHA256"),
      habits_(std::move(habits)),
      ephemeral_(EVP_EC_gen("P-256"), EVP_PKEY_free) {
  unsigned char* point = nullptr;
  const size_t size = EVP_PKEY_get1_encoded_public_key(ephemeral_.get(), &point);
  Must(size == 65, "make an ephemeral key");
  public_value.assign(reinterpret_cast<char*>(point), size);
  OPENSSL_free(point);
  SetGuid(0);
}

void TokenPeer::SetGuid(uint32_t number) {
  // Clause 9.3.3: a bit that is set, 47 bits of the subject's hash, 48 bits that are its own.
  const std::string hash = Hash(SubjectDer(certificate));
  guid_.clear();
  uint8_t carry = 1;
  for (int i = 0; i < 6; ++i) {
    const auto octet = static_cast<uint8_t>(hash[i]);
    guid_.push_back(static_cast<char>(carry << 7 | octet >> 1));
    carry = octet & 1;
  }
  guid_ += std::string("pe", 2);
  for (const int shift : {24, 16, 8, 0}) guid_.push_back(static_cast<char>(number >> shift));
  guid_ += std::string("\0\0\x01\xc1", 4);
  participant_data = std::string("\0\2\0\0\0\x0f\0\4\0\0\0", 11) + kDomain + std::string("\0\x50\0\x10", 4) + guid_ +
                     std::string("\0\1\0\0", 4);
}

v1::DataHolder TokenPeer::Message(const std::string& role) const {
  v1::DataHolder token;
  token.set_class_id("DDS:Auth:PKI-DH:" + habits_.version + "+" + role);
  return token;
}

void TokenPeer::AddCredentials(v1::DataHolder& token) const {
  const std::string end = habits_.nul_names ? std::string(1, '\0') : "";
  SetValue(token, "c.id", certificate + end);
  SetValue(token, "c.perm", "permissions of a peer");
  SetValue(token, "c.pdata", participant_data);
  SetValue(token, "c.dsign_algo", signature_algorithm + end);
  SetValue(token, "c.kagree_algo", key_agreement + end);
}

void TokenPeer::Agree(const std::string& peer_value) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> peer(EVP_PKEY_new(), EVP_PKEY_free);
  Must(EVP_PKEY_copy_parameters(peer.get(), ephemeral_.get()) == 1 &&
           EVP_PKEY_set1_encoded_public_key(peer.get(), reinterpret_cast<const unsigned char*>(peer_value.data()),
                                            peer_value.size()) == 1,
       "read the daemon's public value");
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(ephemeral_.get(), nullptr),
                                                                            EVP_PKEY_CTX_free);
  std::string agreed(32, '\0');
  size_t size = agreed.size();
  Must(EVP_PKEY_derive_init(context.get()) == 1 && EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
           EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(agreed.data()), &size) == 1 && size == 32,
       "agree on a secret");
  shared_secret_ = Hash(agreed);
}

std::string TokenPeer::ReplyOctets() const {
  return Cdr({{"hash_c2", values_.hash_c2},
              {"challenge2", values_.challenge2},
              {"dh2", values_.dh2},
              {"challenge1", values_.challenge1},
              {"dh1", values_.dh1},
              {"hash_c1", values_.hash_c1}});
}

std::string TokenPeer::FinalOctets() const {
  return Cdr({{"hash_c1", values_.hash_c1},
              {"challenge1", values_.challenge1},
              {"dh1", values_.dh1},
              {"challenge2", values_.challenge2},
              {"dh2", values_.dh2},
              {"hash_c2", values_.hash_c2}});
}

v1::DataHolder TokenPeer::Request() {
  v1::DataHolder token = Message("Req");
  AddCredentials(token);
  values_ = {};
  values_.hash_c1 = HashOfCredentials(token);
  values_.dh1 = public_value;
  values_.challenge1 = challenge;
  if (habits_.optional_fields) SetValue(token, "hash_c1", values_.hash_c1);
  SetValue(token, "dh1", values_.dh1);
  SetValue(token, "challenge1", values_.challenge1);
  return token;
}

v1::DataHolder TokenPeer::Reply(const v1::DataHolder& request) {
  v1::DataHolder token = Message("Reply");
  AddCredentials(token);
  values_ = {HashOfCredentials(request),     HashOfCredentials(token),
             ValueOf(request, "dh1"),        public_value,
             ValueOf(request, "challenge1"), challenge};
  peer_certificate_ = ValueOf(request, "c.id");
  Agree(values_.dh1);
  if (habits_.optional_fields) {
    SetValue(token, "hash_c1", values_.hash_c1);
    SetValue(token, "hash_c2", values_.hash_c2);
    SetValue(token, "dh1", values_.dh1);
  }
  SetValue(token, "dh2", values_.dh2);
  SetValue(token, "challenge1", values_.challenge1);
  SetValue(token, "challenge2", values_.challenge2);
  SetValue(token, "signature", key.Sign(ReplyOctets(), habits_.pss_salt));
  return token;
}

std::optional<v1::DataHolder> TokenPeer::Final(const v1::DataHolder& reply) {
  values_.hash_c2 = HashOfCredentials(reply);
  values_.dh2 = ValueOf(reply, "dh2");
  values_.challenge2 = ValueOf(reply, "challenge2");
  if (ValueOf(reply, "challenge1") != values_.challenge1 ||
      !Verifies(ValueOf(reply, "c.id"), ReplyOctets(), ValueOf(reply, "signature"))) {
    return std::nullopt;
  }
  Agree(values_.dh2);
  v1::DataHolder token = Message("Final");
  if (habits_.optional_fields) {
    SetValue(token, "hash_c1", values_.hash_c1);
    SetValue(token, "hash_c2", values_.hash_c2);
    SetValue(token, "dh1", values_.dh1);
    SetValue(token, "dh2", values_.dh2);
  }
  SetValue(token, "challenge1", values_.challenge1);
  SetValue(token, "challenge2", values_.challenge2);
  SetValue(token, "signature", key.Sign(FinalOctets(), habits_.pss_salt));
  return token;
}

bool TokenPeer::Completes(const v1::DataHolder& final_message) const {
  return ValueOf(final_message, "challenge1") == values_.challenge1 &&
         ValueOf(final_message, "challenge2") == values_.challenge2 &&
         Verifies(peer_certificate_, FinalOctets(), ValueOf(final_message, "signature"));
}

}  // namespace ddskey::test
