#ifndef CLIENT_ATTESTATION_WRAPPING_H_
#define CLIENT_ATTESTATION_WRAPPING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/attestation/verifier.h"
#include "ddskey/v1/attestation.pb.h"

namespace ddskey::attestation {

// What a WrappedDocument may be.
inline constexpr std::string_view kCertificate = "certificate";
inline constexpr std::string_view kChallenge = "challenge";

// Wrap encrypts `document`, at most 64 KiB, so that only the TPM of a bundle that was verified can open it.
absl::StatusOr<v1::WrappedDocument> Wrap(const Verdict& verdict, std::string_view identity, std::string_view kind,
                                         std::string_view document);

// Unwrap decrypts it with the secret that the TPM has opened. FAILED_PRECONDITION if it was altered, or is for another
// identity or of another kind.
absl::StatusOr<std::string> Unwrap(const v1::WrappedDocument& wrapped, std::string_view identity, std::string_view kind,
                                   std::string_view secret);

// ParseWrapped reads a file. INVALID_ARGUMENT unless it is one, with no field that is not known here.
absl::StatusOr<v1::WrappedDocument> ParseWrapped(std::string_view octets);

// A challenge is answered with what it holds; Token is what the one who made it compares with, and keeps meanwhile: a
// hash over the answer and the bundle, in hexadecimal.
std::string Token(std::string_view answer, std::string_view bundle);

}  // namespace ddskey::attestation

#endif  // CLIENT_ATTESTATION_WRAPPING_H_
