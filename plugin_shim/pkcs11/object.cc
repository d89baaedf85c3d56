#include "plugin_shim/pkcs11/object.h"

#include <string_view>
#include <utility>

#include "plugin_shim/pkcs11/mechanisms.h"
#include "plugin_shim/pkcs11/sha2.h"

namespace ddskey {
namespace {

constexpr size_t kIdSize = 16;

struct Kind {
  std::string_view name;
  bool rsa;
  CK_ULONG bits;
};
constexpr Kind kKinds[] = {
    {"ec-p256", false, 256}, {"ec-p384", false, 384}, {"rsa-2048", true, 2048}, {"rsa-3072", true, 3072}};

const Kind* KindOf(const v1::SigningKey& key) {
  for (const Kind& kind : kKinds) {
    if (kind.name != key.algorithm()) continue;
    const bool complete = kind.rsa ? key.modulus().size() == kind.bits / 8 && !key.public_exponent().empty()
                                   : !key.ec_params().empty() && !key.ec_point().empty();
    return complete && key.id().size() == kIdSize && !key.public_key().empty() ? &kind : nullptr;
  }
  return nullptr;
}

std::vector<CK_ULONG> AllowedMechanisms(const SigningIdentity& signer) {
  std::vector<CK_ULONG> allowed;
  for (const Mechanism& mechanism : Mechanisms()) {
    for (const v1::SigningScheme scheme : signer.schemes) {
      if (scheme == mechanism.scheme) allowed.push_back(mechanism.type);
    }
  }
  return allowed;
}

// Common is what every object has (4.4), and MakeKey what public and private keys have (4.7).
Attributes Common(CK_OBJECT_CLASS object_class, const v1::SigningKey& key) {
  Attributes attributes;
  attributes.SetNumber(CKA_CLASS, object_class);
  attributes.SetBool(CKA_TOKEN, true);
  attributes.SetBool(CKA_PRIVATE, false);
  attributes.SetBool(CKA_MODIFIABLE, false);
  attributes.Set(CKA_LABEL, key.name());
  attributes.Set(CKA_ID, key.id());
  return attributes;
}

Attributes MakeKey(CK_OBJECT_CLASS object_class, const v1::SigningKey& key, const Kind& kind) {
  Attributes attributes = Common(object_class, key);
  attributes.SetNumber(CKA_KEY_TYPE, kind.rsa ? CKK_RSA : CKK_EC);
  attributes.Set(CKA_START_DATE, "");
  attributes.Set(CKA_END_DATE, "");
  attributes.SetBool(CKA_DERIVE, false);
  attributes.SetBool(CKA_LOCAL, true);
  attributes.SetNumber(CKA_KEY_GEN_MECHANISM, kind.rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_ECDSA_KEY_PAIR_GEN);
  attributes.Set(CKA_SUBJECT, key.certificates().empty() ? "" : key.certificates(0).subject());
  attributes.Set(CKA_PUBLIC_KEY_INFO, key.public_key());
  if (kind.rsa) {
    attributes.Set(CKA_MODULUS, key.modulus());
    attributes.SetNumber(CKA_MODULUS_BITS, kind.bits);
    attributes.Set(CKA_PUBLIC_EXPONENT, key.public_exponent());
  } else {
    // Of the private key, too: OpenSSL's engine finds the public key there without another search.
    attributes.Set(CKA_EC_PARAMS, key.ec_params());
    attributes.Set(CKA_EC_POINT, key.ec_point());
  }
  return attributes;
}

Attributes MakePrivateKey(const v1::SigningKey& key, const Kind& kind, const SigningIdentity& signer) {
  Attributes attributes = MakeKey(CKO_PRIVATE_KEY, key, kind);
  attributes.SetNumbers(CKA_ALLOWED_MECHANISMS, AllowedMechanisms(signer));
  for (const CK_ATTRIBUTE_TYPE yes : {CKA_SIGN, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE}) {
    attributes.SetBool(yes, true);
  }
  for (const CK_ATTRIBUTE_TYPE no :
       {CKA_DECRYPT, CKA_SIGN_RECOVER, CKA_UNWRAP, CKA_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED, CKA_ALWAYS_AUTHENTICATE}) {
    attributes.SetBool(no, false);
  }
  return attributes;
}

Attributes MakePublicKey(const v1::SigningKey& key, const Kind& kind) {
  Attributes attributes = MakeKey(CKO_PUBLIC_KEY, key, kind);
  attributes.SetBool(CKA_VERIFY, true);
  for (const CK_ATTRIBUTE_TYPE no : {CKA_ENCRYPT, CKA_VERIFY_RECOVER, CKA_WRAP, CKA_TRUSTED}) {
    attributes.SetBool(no, false);
  }
  return attributes;
}

// The leaf goes with its key. A CA certificate gets an id of its own, so that nobody takes it for the leaf.
Attributes MakeCertificate(const v1::SigningKey& key, int place) {
  constexpr CK_ULONG kTokenUser = 1;
  constexpr CK_ULONG kAuthority = 2;
  const v1::SigningCertificate& certificate = key.certificates(place);
  Attributes attributes = Common(CKO_CERTIFICATE, key);
  attributes.SetNumber(CKA_CERTIFICATE_TYPE, CKC_X_509);
  attributes.SetBool(CKA_TRUSTED, false);
  attributes.SetNumber(CKA_CERTIFICATE_CATEGORY, place == 0 ? kTokenUser : kAuthority);
  attributes.Set(CKA_SUBJECT, certificate.subject());
  attributes.Set(CKA_ISSUER, certificate.issuer());
  attributes.Set(CKA_SERIAL_NUMBER, certificate.serial_number());
  attributes.Set(CKA_VALUE, certificate.certificate());
  if (place > 0) {
    attributes.Set(CKA_LABEL, key.name() + " CA " + std::to_string(place));
    attributes.Set(CKA_ID, Sha256Of(certificate.certificate()).substr(0, kIdSize));
  }
  return attributes;
}

}  // namespace

std::vector<std::shared_ptr<const Object>> MakeObjects(const v1::ListSigningKeysResponse& keys) {
  std::vector<std::shared_ptr<const Object>> objects;
  for (const v1::SigningKey& key : keys.keys()) {
    const Kind* const kind = KindOf(key);
    if (kind == nullptr) continue;
    auto signer = std::make_shared<SigningIdentity>();
    signer->name = key.name();
    signer->public_key_sha256 = Sha256Of(key.public_key());
    for (const int scheme : key.schemes()) signer->schemes.push_back(static_cast<v1::SigningScheme>(scheme));
    signer->signature_size = kind->rsa ? kind->bits / 8 : kind->bits / 4;
    const std::string place = key.id() + signer->public_key_sha256;
    const auto add = [&objects](std::string where, Attributes attributes,
                                std::shared_ptr<const SigningIdentity> with = nullptr) {
      objects.push_back(
          std::make_shared<const Object>(Object{std::move(where), std::move(attributes), std::move(with)}));
    };
    add("private " + place, MakePrivateKey(key, *kind, *signer), signer);
    add("public " + place, MakePublicKey(key, *kind));
    for (int i = 0; i < key.certificates_size(); ++i) {
      add("certificate " + place + Sha256Of(key.certificates(i).certificate()), MakeCertificate(key, i));
    }
  }
  return objects;
}

}  // namespace ddskey
