#ifndef PROTO_CONTRACT_SIGNATURE_SCHEME_H_
#define PROTO_CONTRACT_SIGNATURE_SCHEME_H_

#include <cstddef>

namespace ddskey {

// SignatureScheme is a signature algorithm with its hash and, for PSS, the same hash in MGF1 and a salt of its length.
enum class SignatureScheme {
  kEcdsaSha256,
  kRsaPssSha256,
  kRsaPkcs1Sha256,
  kEcdsaSha384,
  kRsaPssSha384,
  kRsaPkcs1Sha384,
};

// SignatureFamily is a scheme without its hash.
enum class SignatureFamily {
  kEcdsa,
  kRsaPss,
  kRsaPkcs1,
};

constexpr SignatureFamily FamilyOf(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::kEcdsaSha256:
    case SignatureScheme::kEcdsaSha384:
      return SignatureFamily::kEcdsa;
    case SignatureScheme::kRsaPssSha256:
    case SignatureScheme::kRsaPssSha384:
      return SignatureFamily::kRsaPss;
    case SignatureScheme::kRsaPkcs1Sha256:
    case SignatureScheme::kRsaPkcs1Sha384:
      break;
  }
  return SignatureFamily::kRsaPkcs1;
}

// UsesSha384 tells SHA-384 from SHA-256, and DigestSize is how many octets its digests have.
constexpr bool UsesSha384(SignatureScheme scheme) {
  return scheme == SignatureScheme::kEcdsaSha384 || scheme == SignatureScheme::kRsaPssSha384 ||
         scheme == SignatureScheme::kRsaPkcs1Sha384;
}
constexpr size_t DigestSize(SignatureScheme scheme) { return UsesSha384(scheme) ? 48 : 32; }

// SchemeOf is the scheme of a family with SHA-384 or SHA-256.
constexpr SignatureScheme SchemeOf(SignatureFamily family, bool sha384) {
  switch (family) {
    case SignatureFamily::kEcdsa:
      return sha384 ? SignatureScheme::kEcdsaSha384 : SignatureScheme::kEcdsaSha256;
    case SignatureFamily::kRsaPss:
      return sha384 ? SignatureScheme::kRsaPssSha384 : SignatureScheme::kRsaPssSha256;
    case SignatureFamily::kRsaPkcs1:
      break;
  }
  return sha384 ? SignatureScheme::kRsaPkcs1Sha384 : SignatureScheme::kRsaPkcs1Sha256;
}

}  // namespace ddskey

#endif  // PROTO_CONTRACT_SIGNATURE_SCHEME_H_
