#ifndef DAEMON_BACKEND_TPM2_ENDORSEMENT_CERTIFICATES_H_
#define DAEMON_BACKEND_TPM2_ENDORSEMENT_CERTIFICATES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/tpm2/tpm_channel.h"

namespace ddskey::tpm {

// ReadEndorsementCertificate reads the certificate (DER) of an endorsement key where its manufacturer put it (TCG EK
// Credential Profile, 2.2.1.4); empty if there is none. `kind` is not kAny. Nothing is looked at in it: whoever
// verifies an attestation does.
absl::StatusOr<std::string> ReadEndorsementCertificate(TpmChannel& channel, EndorsementKind kind);

// ReadIntermediateCertificates reads those (DER) that the manufacturer put beside it, at most 7.
absl::StatusOr<std::vector<std::string>> ReadIntermediateCertificates(TpmChannel& channel);

// SplitCertificates are the certificates (DER) that are one after the other in `octets`; what comes behind them, as the
// rest of a place that is larger, is left out.
std::vector<std::string> SplitCertificates(std::string_view octets);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_ENDORSEMENT_CERTIFICATES_H_
