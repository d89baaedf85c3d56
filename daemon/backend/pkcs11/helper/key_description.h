#ifndef DAEMON_BACKEND_PKCS11_HELPER_KEY_DESCRIPTION_H_
#define DAEMON_BACKEND_PKCS11_HELPER_KEY_DESCRIPTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/helper/key_objects.h"
#include "daemon/backend/pkcs11/helper_call.pb.h"

namespace ddskey::pkcs11 {

// FindByLabel describes the only private key with a label. NOT_FOUND; FAILED_PRECONDITION if several have it, or it is
// of no use to us, with why.
absl::StatusOr<wire::KeyAnswer> FindByLabel(const ObjectView& view, const CryptoLibrary& library,
                                            const std::string& label);

// Describe describes a private key, with the public key from the object `public_key`.
absl::StatusOr<wire::KeyAnswer> Describe(const ObjectView& view, const CryptoLibrary& library,
                                         CK_OBJECT_HANDLE private_key, CK_OBJECT_HANDLE public_key);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_KEY_DESCRIPTION_H_
