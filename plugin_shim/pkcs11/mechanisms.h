#ifndef PLUGIN_SHIM_PKCS11_MECHANISMS_H_
#define PLUGIN_SHIM_PKCS11_MECHANISMS_H_

#include <cstddef>
#include <span>

#include "ddskey/v1/signing.pb.h"
#include "plugin_shim/pkcs11/cryptoki.h"

namespace ddskey {

// Hash is what is done to the data that a mechanism signs.
enum class Hash {
  // Nothing: it is a digest already.
  kNone,
  kSha256,
  kSha384,
};

// Mechanism is a way to sign that a key can be used with.
struct Mechanism {
  CK_MECHANISM_TYPE type;
  v1::SigningScheme scheme;
  Hash hash;
  // Bits of the modulus, or of the curve's order.
  CK_ULONG smallest_key;
  CK_ULONG largest_key;
};

// Mechanisms are all there are. FindMechanism returns null for any other.
std::span<const Mechanism> Mechanisms();
const Mechanism* FindMechanism(CK_MECHANISM_TYPE type);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_MECHANISMS_H_
