#ifndef DAEMON_BACKEND_KEY_BACKEND_H_
#define DAEMON_BACKEND_KEY_BACKEND_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/work_counts.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/auth_kind.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/signature_scheme.h"

namespace ddskey {

// SealedKey is a private key as its backend gave it out to be stored: useless without the device (or the secret) of
// that backend, and bound to its algorithm and purpose.
struct SealedKey {
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  KeyPurpose purpose = KeyPurpose::kHandshake;
  // Opaque outside the backend.
  std::string blob;
  // DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7).
  std::string public_key;
  // Of an imported key: what whoever imported it should know, as a sentence; or empty. It is not stored.
  std::string warning = {};
};

// ForeignKey is a private key that was made elsewhere, in one of three forms.
struct ForeignKey {
  // PKCS#8 PrivateKeyInfo, DER, in the clear; null for the other forms.
  std::shared_ptr<const SecretBytes> private_key;
  // DER of a key file of the TPM of this backend ("TSS2 PRIVATE KEY"); and its authorisation value, null if it is
  // empty.
  std::string tss2_key;
  std::shared_ptr<const SecretBytes> tss2_auth;
  // Label of a key that is in the PKCS#11 token of this backend, 1 to 64 octets.
  std::string token_label = {};
};

// Signature is what X.509 and DDS Security carry: DER ECDSA-Sig-Value, or the RSA octets.
struct Signature {
  std::string octets;
};

// WorkClass orders the queue of a device (S-6).
enum class WorkClass {
  // Finals, possession proofs, administration: first, and at least half of the device.
  kCompletion,
  // Replies to Requests that proved nothing yet: round-robin by `fairness`, within a rate.
  kReply,
};

// WorkOptions says how long a piece of work is worth doing, and whose turn it uses up.
struct WorkOptions {
  std::chrono::steady_clock::time_point deadline;
  WorkClass work_class = WorkClass::kCompletion;
  // Whose turn this is: for replies the digest of the peer's certificate, for completions the process. At most 64
  // octets. A reply with an empty one is not rate-limited: whoever submits it vouches that no stranger can cause it.
  std::string fairness = {};
  // To whom the fairness id belongs: groups take turns, and the ids within a group. At most 64 octets.
  std::string group = {};
};

// BackendHealth is how the device is now.
struct BackendHealth {
  bool healthy = false;
  // What is wrong and what to do, as a sentence; empty when healthy.
  std::string problem;
  // For example the TPM's manufacturer and firmware version, once known.
  std::string device;
  size_t queue_length = 0;
  size_t queue_limit = 0;
  uint64_t signatures = 0;
  // Authorisation values that it needs and has not, or that were refused: it is not healthy before it is given them.
  std::vector<AuthKind> waits_for = {};
  // What somebody should look after although the device works, as a sentence; or empty.
  std::string warning = {};
  WorkCounts work = {};
  // How often it became unhealthy by itself.
  uint64_t outages = 0;
  // How long work has waited while the device had none and nobody took it: the thread that should hangs somewhere else
  // than in the device (DeviceQueue::Stalled). Zero if it does not.
  std::chrono::steady_clock::duration stalled = {};
};

// Recognition is whether a sealed key belongs to a device.
enum class Recognition {
  kForeign,
  kOwn,
  // It cannot be told before the device was reached.
  kUnknown,
};

class Attester;

// KeyBackend is the boundary between ddskeyd and the device that holds keys. Private keys never cross it in the clear.
//
// Work is submitted, never waited for here: each device has an owner thread and a bounded fair queue in front of it. A
// completion is called exactly once and must not block: with its result; with DEADLINE_EXCEEDED when the deadline
// passed first, even if the device is stuck; with CANCELLED after Cancel or when the backend is destroyed; with
// UNAVAILABLE when the device is away (the work may be submitted again unchanged); with RESOURCE_EXHAUSTED if the queue
// is full, at once, or later if it had to make room for an origin that has less in it. It is called on a thread of the
// backend, but for what needs no device to be refused (a full queue, a deadline in the past, INVALID_ARGUMENT,
// UNIMPLEMENTED), which is completed before Submit returns, on the caller's thread, as is work that made room: submit
// without a lock that the completions take. Implementations are thread-safe, and pass
// test/conformance/key_backend_conformance.h.
class KeyBackend {
 public:
  using WorkId = uint64_t;
  using CreateDone = std::function<void(absl::StatusOr<SealedKey>)>;
  using ExportDone = std::function<void(absl::StatusOr<std::string>)>;
  using UnlockDone = std::function<void(const absl::Status&)>;
  using SignDone = std::function<void(absl::StatusOr<Signature>)>;

  virtual ~KeyBackend() = default;

  // SubmitCreate makes a key of `algorithm` for `purpose` inside the device. UNIMPLEMENTED for algorithms that
  // `algorithms` does not list, once the device was reached.
  virtual WorkId SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options, CreateDone done) = 0;

  // SubmitImport takes a key that was made elsewhere, for `purpose`. INVALID_ARGUMENT says what is wrong with it;
  // UNIMPLEMENTED if this backend takes none of that form.
  // NOLINTBEGIN(performance-unnecessary-value-param): implementations keep what they are given.
  virtual WorkId SubmitImport(ForeignKey, KeyPurpose, WorkOptions, CreateDone done) {
    done(absl::UnimplementedError("this backend takes no keys that were made elsewhere"));
    return 0;
  }

  // SubmitExport makes a key file (DER of a "TSS2 PRIVATE KEY") of `key` for other programs that use the same device,
  // with the authorisation value `auth` of 8 to 32 octets. The device goes on to be needed to use it. UNIMPLEMENTED if
  // this backend has no such device, FAILED_PRECONDITION if others could not use the file.
  virtual WorkId SubmitExport(SealedKey, std::shared_ptr<const SecretBytes>, WorkOptions, ExportDone done) {
    done(absl::UnimplementedError(
        "this backend gives out no keys: only a TPM makes key files that are useless elsewhere"));
    return 0;
  }

  // SubmitCreateBound is SubmitCreate for a key that signs only while registers of the device are as they are now, or
  // as an authority approves. INVALID_ARGUMENT for terms that no key can have; UNIMPLEMENTED if there are no registers.
  virtual WorkId SubmitCreateBound(KeyAlgorithm, KeyPurpose, PcrTerms, WorkOptions, CreateDone done) {
    done(absl::UnimplementedError("this backend has no registers to bind keys to: only a TPM has"));
    return 0;
  }

  // SubmitApprove checks `approval`, also in the device, and makes what is to be stored in the place of `key`: the same
  // key, which knows the approval. INVALID_ARGUMENT and FAILED_PRECONDITION say what is wrong with it; ALREADY_EXISTS
  // if it has it; RESOURCE_EXHAUSTED if it has as many as fit.
  virtual WorkId SubmitApprove(SealedKey, PcrApproval, WorkOptions, CreateDone done) {
    done(absl::UnimplementedError("this backend has no registers to bind keys to: only a TPM has"));
    return 0;
  }

  // SubmitUnlock gives the device an authorisation value of 1 to 4,096 octets, which it waits for (BackendHealth),
  // until the backend is destroyed. It is compared at once. FAILED_PRECONDITION if it is wrong, in which case it is
  // forgotten and never tried again, or if the device does not wait for it; UNIMPLEMENTED if it needs none.
  virtual WorkId SubmitUnlock(AuthKind, std::shared_ptr<const SecretBytes>, WorkOptions, UnlockDone done) {
    done(absl::UnimplementedError("this backend waits for no values: only a TPM or a PKCS#11 token does"));
    return 0;
  }

  // NOLINTEND(performance-unnecessary-value-param)

  // KeyProblem is why the key with this public key could not be used the last time, although the device works; empty if
  // it could. Answered from memory.
  virtual std::string KeyProblem(std::string_view) const { return ""; }

  // SubmitSign signs `digest`, as long as the scheme's hash makes them, with `key`. INVALID_ARGUMENT if the digest or
  // the scheme does not fit the key; DATA_LOSS if `key` was sealed by another device or damaged; FAILED_PRECONDITION if
  // it is bound to registers that have other values now.
  virtual WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                            SignDone done) = 0;

  // Cancel gives up work that has not begun; its completion is called with CANCELLED before Cancel returns, on this
  // thread. Work that has begun, or is done, or is unknown is left alone.
  virtual void Cancel(WorkId work) = 0;

  // Recognize says whether the key with this `blob` was sealed by the device that is there now, by what is written on
  // both: a backend's name may change, and its keys are found all the same. Answered from memory; the device is asked
  // meanwhile, if that helps. Whether the key opens is for the device to say.
  virtual Recognition Recognize(std::string_view blob) const = 0;

  // attester is the backend itself if its device can prove to others that a key is in it, else null.
  virtual Attester* attester() { return nullptr; }

  // kind is "software", "tpm2", "pkcs11" or, for the fake of tests, "fake".
  virtual std::string kind() const = 0;
  // algorithms lists what SubmitCreate can make; it may be empty until the device was reached.
  virtual std::vector<KeyAlgorithm> algorithms() const = 0;
  // protection says what this backend protects keys against, and what not, in one sentence.
  virtual std::string protection() const = 0;
  virtual BackendHealth Health() const = 0;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_KEY_BACKEND_H_
