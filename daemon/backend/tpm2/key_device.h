#ifndef DAEMON_BACKEND_TPM2_KEY_DEVICE_H_
#define DAEMON_BACKEND_TPM2_KEY_DEVICE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/tpm2/retry.h"

namespace ddskey::tpm {

// kKeyProblem is the type URL of a payload of a Status that is about one key and says nothing about the device.
inline constexpr char kKeyProblem[] = "ddskey/key-problem";

// KeyDevice does one thing at a time and repeats nothing: a failed call says by RecoveryFor what Recover should do
// before the next. For one thread.
class KeyDevice {
 public:
  // Signed is a signature, and the key it is to be checked against.
  struct Signed {
    Signature signature;
    EvpKey public_key;
  };

  // The destructor never waits for the device.
  virtual ~KeyDevice() = default;

  // Probe connects if need be, and asks something.
  virtual absl::Status Probe() = 0;

  // Create makes a key. UNIMPLEMENTED if the device makes none of the algorithm.
  virtual absl::StatusOr<SealedKey> Create(const CreateRequest& request) = 0;

  // Import takes a key that was made elsewhere. UNIMPLEMENTED if the device takes none of that form.
  virtual absl::StatusOr<SealedKey> Import(const ImportRequest&) {
    return absl::UnimplementedError("this device takes no keys that were made elsewhere");
  }

  // Export makes a key file. UNIMPLEMENTED if the device has none.
  virtual absl::StatusOr<std::string> Export(const ExportRequest&) {
    return absl::UnimplementedError("this device makes no key files");
  }
  // Approve checks an approval, and makes the key anew that knows it. UNIMPLEMENTED if the device has no registers.
  virtual absl::StatusOr<SealedKey> Approve(const ApproveRequest&) {
    return absl::UnimplementedError("this device has no registers to bind keys to");
  }

  // Unlock takes an authorisation value, and compares it once. UNIMPLEMENTED if the device needs none.
  virtual absl::Status Unlock(const UnlockRequest&) { return absl::UnimplementedError("this device needs no values"); }

  // Sign makes a signature, not checked yet; `meanwhile` is called while the device works, unless the call fails
  // before.
  virtual absl::StatusOr<Signed> Sign(const SignRequest& request, const std::function<void()>& meanwhile) = 0;

  // Attest and Activate do what Attester says.
  virtual absl::StatusOr<Attestation> Attest(const AttestRequest& request) = 0;
  virtual absl::StatusOr<ActivatedSecret> Activate(const ActivateRequest& request) = 0;

  // Recover does what a failed call asks for.
  virtual void Recover(Recovery recovery) = 0;

  // Leave takes out of the device what is loaded.
  virtual void Leave() = 0;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_KEY_DEVICE_H_
