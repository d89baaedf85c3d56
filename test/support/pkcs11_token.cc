#include "test/support/pkcs11_token.h"

#include <dlfcn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace ddskey::test {
namespace {

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "Pkcs11: %s\n", what.c_str());
  std::abort();
}

const unsigned char* Octets(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string DerEcdsa(const std::string& raw) {
  const int half = static_cast<int>(raw.size() / 2);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(ECDSA_SIG_new(), &ECDSA_SIG_free);
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(Octets(raw), half, nullptr), BN_bin2bn(Octets(raw) + half, half, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string octets(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return octets;
}

}  // namespace

Pkcs11::Pkcs11() {
  void* const library = dlopen(kPkcs11Module, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) Give(dlerror());
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (get == nullptr || get(&functions_) != CKR_OK) Give("it has no list of functions");
}

CK_SESSION_HANDLE Pkcs11::Open() {
  const CK_RV initialized = functions_->C_Initialize(nullptr);
  if (initialized != CKR_OK && initialized != CKR_CRYPTOKI_ALREADY_INITIALIZED) Give("it does not initialize");
  CK_SLOT_ID slot = 0;
  CK_ULONG count = 1;
  if (functions_->C_GetSlotList(CK_TRUE, &slot, &count) != CKR_OK || count != 1) Give("there is no token");
  CK_SESSION_HANDLE session = 0;
  if (functions_->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) Give("no session");
  return session;
}

std::optional<std::vector<CK_OBJECT_HANDLE>> Pkcs11::Find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class,
                                                          const std::string& label) {
  std::string text = label;
  std::array<CK_ATTRIBUTE, 2> wanted = {
      {{CKA_CLASS, &object_class, sizeof(object_class)}, {CKA_LABEL, text.data(), text.size()}}};
  if (functions_->C_FindObjectsInit(session, wanted.data(), label.empty() ? 1 : 2) != CKR_OK) return std::nullopt;
  std::vector<CK_OBJECT_HANDLE> found;
  CK_OBJECT_HANDLE object = 0;
  CK_ULONG count = 0;
  while (functions_->C_FindObjects(session, &object, 1, &count) == CKR_OK && count == 1) found.push_back(object);
  if (functions_->C_FindObjectsFinal(session) != CKR_OK) Give("a search does not end");
  return found;
}

CK_OBJECT_HANDLE Pkcs11::PrivateKey(CK_SESSION_HANDLE session, const std::string& label) {
  const auto found = Find(session, CKO_PRIVATE_KEY, label);
  return found.has_value() && found->size() == 1 ? found->front() : 0;
}

std::optional<std::string> Pkcs11::Attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                             CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE attribute = {type, nullptr, 0};
  if (functions_->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK) return std::nullopt;
  std::string value(attribute.ulValueLen, '\0');
  attribute.pValue = value.data();
  if (functions_->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK) return std::nullopt;
  return value;
}

CK_RV Pkcs11::Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism,
                   const std::string& data, std::string* signature) {
  CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM what = {mechanism, nullptr, 0};
  if (mechanism == CKM_RSA_PKCS_PSS || mechanism == CKM_SHA256_RSA_PKCS_PSS) what = {mechanism, &pss, sizeof(pss)};
  if (const CK_RV begun = functions_->C_SignInit(session, &what, key); begun != CKR_OK) return begun;
  std::string input = data;
  signature->resize(512);
  CK_ULONG size = signature->size();
  const CK_RV result = functions_->C_Sign(session, reinterpret_cast<CK_BYTE*>(input.data()), input.size(),
                                          reinterpret_cast<CK_BYTE*>(signature->data()), &size);
  if (result == CKR_OK) signature->resize(size);
  return result;
}

bool VerifiesRaw(const std::string& public_key, const std::string& digest, const std::string& signature, bool pkcs1) {
  const unsigned char* at = Octets(public_key);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key.size())), &EVP_PKEY_free);
  if (key == nullptr) return false;
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key.get(), nullptr),
                                                                            &EVP_PKEY_CTX_free);
  const bool rsa = EVP_PKEY_is_a(key.get(), "RSA") == 1;
  const std::string octets = rsa ? signature : DerEcdsa(signature);
  bool ready = EVP_PKEY_verify_init(context.get()) == 1;
  if (rsa) {
    ready = ready &&
            EVP_PKEY_CTX_set_rsa_padding(context.get(), pkcs1 ? RSA_PKCS1_PADDING : RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1;
  }
  return ready && EVP_PKEY_verify(context.get(), Octets(octets), octets.size(), Octets(digest), digest.size()) == 1;
}

}  // namespace ddskey::test
