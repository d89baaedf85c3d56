#ifndef CLIENT_ATTESTATION_VERIFIER_H_
#define CLIENT_ATTESTATION_VERIFIER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/attestation/ek_certificate.h"
#include "client/attestation/ek_list.h"
#include "client/ca/openssl.h"
#include "client/ca/request.h"
#include "ddskey/v1/attestation.pb.h"

namespace ddskey::attestation {

// Expectations are what a bundle is held to.
struct Expectations {
  // 32 octets, issued by whoever verifies.
  std::string nonce;
  EkTrust trust;
  // Any TPM of the manufacturers will do without one.
  std::optional<EkList> list;
  // What platform configuration registers must be, 32 octets each, by index; they must be quoted.
  std::map<uint32_t, std::string> pcrs;
  // Whether a key will do that was imported into the TPM, so that there may be copies of it.
  bool accept_imported = false;
};

// Verdict is a bundle in which everything fits. It is not bound to a TPM: that it is will be known when its host opens
// what was encrypted for it (Credential).
struct Verdict {
  // Of the certificate that may be issued.
  ca::Request request;
  ca::OpensslPtr<EVP_PKEY> ek;
  std::string ek_sha256;
  std::string ak_name;
  bool imported = false;
  // What the key may be used for: "handshake", "digest", or, for one with another policy, empty.
  std::string purpose;
};

// Verify holds a bundle to rule S-11: path, template and listing of the endorsement key; form of the attestation key;
// Name and attributes of the key that signed the request; both statements of the TPM. FAILED_PRECONDITION says which
// check failed and why, INVALID_ARGUMENT what cannot be read. The bundle is from anybody.
absl::StatusOr<Verdict> Verify(const v1::AttestationBundle& bundle, const Expectations& expectations, absl::Time now);

// ParseBundle reads a file. INVALID_ARGUMENT unless it is a bundle, with no field that is not known here.
absl::StatusOr<v1::AttestationBundle> ParseBundle(std::string_view octets);

}  // namespace ddskey::attestation

#endif  // CLIENT_ATTESTATION_VERIFIER_H_
