#ifndef DAEMON_BACKEND_PKCS11_TOKEN_BLOB_H_
#define DAEMON_BACKEND_PKCS11_TOKEN_BLOB_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/token.h"
#include "proto/contract/algorithm.h"

namespace ddskey::pkcs11 {

// TokenBlob is what the keystore holds of a key in a token: where it is, and what it is for.
//
//   "DKH1" | algorithm, 1 octet | purpose, 1 octet | length of the id, 1 octet, and the id (CKA_ID)
//   | identity of the token, 32 octets | SHA-256 of the public key | SHA-256 of all that
//
// Nothing in it is secret, and the digest at its end is against damage only: who can write to the keystore can write it
// anew. That the token makes good signatures for the public key of the identity is checked with each of them.
struct TokenBlob {
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  KeyPurpose purpose = KeyPurpose::kHandshake;
  std::string id;
  // See IdentityOf.
  std::string token;
  // See DigestOf.
  std::string public_key;
};

// FormatBlob writes a blob.
std::string FormatBlob(const TokenBlob& blob);

// ParseBlob is the inverse. DATA_LOSS unless `octets` is one blob and nothing else.
absl::StatusOr<TokenBlob> ParseBlob(std::string_view octets);

// IdentityOf is a digest of what stays the same of a token whatever its backend is called: label, serial number,
// manufacturer and model.
std::string IdentityOf(const TokenState& state);

// DigestOf is SHA-256.
std::string DigestOf(std::string_view octets);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_TOKEN_BLOB_H_
