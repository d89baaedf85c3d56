#ifndef DAEMON_OPEN_BACKEND_H_
#define DAEMON_OPEN_BACKEND_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "ddskey/v1/config.pb.h"

namespace ddskey {

// OpenBackend makes the backend that `backend`, one of those in `config`, describes. `blobs` are the keys in the key
// store that it has made. Secrets come from the credentials that systemd passed: those of a TPM are called
// ddskeyd.tpm2-owner-auth, ddskeyd.tpm2-parent-auth, ddskeyd.tpm2-endorsement-auth and ddskeyd.tpm2-key-auth, with a
// dot and the name of the backend behind, or without if there is only one TPM; the PIN of a token likewise
// ddskeyd.pkcs11-pin.
absl::StatusOr<std::unique_ptr<KeyBackend>> OpenBackend(const v1::Config& config, const v1::Backend& backend,
                                                        std::vector<std::string> blobs);

}  // namespace ddskey

#endif  // DAEMON_OPEN_BACKEND_H_
