#ifndef PROTO_CONTRACT_VALIDATION_OPTIONS_H_
#define PROTO_CONTRACT_VALIDATION_OPTIONS_H_

namespace ddskey {

// Strictness is what becomes of a certificate that fails a check which not everybody's certificates can pass. The
// numbers are stored; never change one.
enum class Strictness {
  kIgnore = 1,
  // Accepted, with a warning.
  kWarn = 2,
  kRequire = 3,
};

// ValidationOptions is how strictly the certificates of an identity's peers, and its own, are validated.
struct ValidationOptions {
  // keyUsage and extendedKeyUsage (RFC 5280, 4.2.1.3 and 4.2.1.12), where a certificate has them.
  Strictness key_usage = Strictness::kWarn;
  // A CA of the path has no revocation list.
  Strictness missing_revocation_list = Strictness::kIgnore;
  // The list of a CA of the path is past its nextUpdate.
  Strictness outdated_revocation_list = Strictness::kRequire;

  friend bool operator==(const ValidationOptions&, const ValidationOptions&) = default;
};

}  // namespace ddskey

#endif  // PROTO_CONTRACT_VALIDATION_OPTIONS_H_
