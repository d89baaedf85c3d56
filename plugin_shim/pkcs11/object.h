#ifndef PLUGIN_SHIM_PKCS11_OBJECT_H_
#define PLUGIN_SHIM_PKCS11_OBJECT_H_

#include <memory>
#include <string>
#include <vector>

#include "ddskey/v1/signing.pb.h"
#include "plugin_shim/pkcs11/attributes.h"
#include "plugin_shim/pkcs11/cryptoki.h"

namespace ddskey {

// SigningIdentity is what the daemon wants to know of a key that signs.
struct SigningIdentity {
  std::string name;
  // SHA-256 of the DER SubjectPublicKeyInfo.
  std::string public_key_sha256;
  std::vector<v1::SigningScheme> schemes;
  // Octets of a signature.
  CK_ULONG signature_size = 0;
};

// Object is a private key, a public key or a certificate of the token. Immutable.
struct Object {
  // What stays the same of an object as long as it is the same: class, identity, key, place in the chain.
  std::string place;
  Attributes attributes;
  // Of a private key; null for others.
  std::shared_ptr<const SigningIdentity> signer;
};

// MakeObjects is what a token shows of the keys that the daemon lists: for each its private key, its public key and its
// certificates, with the identity's name as CKA_LABEL and its lasting id as CKA_ID. CA certificates have an id of their
// own. A key that makes no sense is left out.
std::vector<std::shared_ptr<const Object>> MakeObjects(const v1::ListSigningKeysResponse& keys);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_OBJECT_H_
