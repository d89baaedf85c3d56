#ifndef DAEMON_BACKEND_PKCS11_TOKEN_H_
#define DAEMON_BACKEND_PKCS11_TOKEN_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/signature_scheme.h"

namespace ddskey::pkcs11 {

// kPinRefused is the type URL of a payload of a FAILED_PRECONDITION: the token said that the PIN is wrong or locked, or
// that it is not set; or it was not asked. Trying it again would cost one of the few tries that are left. The payload
// says which: "wrong"; "locked"; "missing" (none was given, or the token has none); or "untried", a PIN that may be
// right and is not tried now, because one try is left, or because nobody heard what became of it before.
inline constexpr char kPinRefused[] = "ddskey/pin-refused";

// TokenState is what a token says of itself when it was opened (PKCS#11 2.40, C_GetTokenInfo). Texts are without the
// padding, at most 64 octets, and not to be believed: a module may say what it likes.
struct TokenState {
  std::string label;
  std::string manufacturer;
  std::string model;
  std::string serial;
  // "1.4".
  std::string firmware;
  // What it makes and signs with.
  std::vector<KeyAlgorithm> algorithms;
  // How many signatures it takes at a time, at least 1.
  size_t sessions = 1;
  // Something that an administrator should look after, as a sentence: few tries of the PIN are left. Or empty.
  std::string warning;
};

// TokenKey is a pair of keys in a token.
struct TokenKey {
  // CKA_ID, 1 to 64 octets.
  std::string id;
  // CKA_LABEL, at most 64 octets.
  std::string label;
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  // DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7), made by us of CKA_EC_POINT or CKA_MODULUS and checked to be a key of
  // the algorithm.
  std::string public_key;
  // Made in the token (CKA_LOCAL), and never readable outside (CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE).
  bool was_made_inside = false;
  bool is_unreadable = false;
};

// Token is one token of a PKCS#11 module that runs in another process. Nothing here waits: each `done` is called
// exactly once, on a thread of the token, and must not block; at the latest at the deadline. It is called
//  - with UNAVAILABLE when the module, its process or the token is away, or the token was not opened since it went: the
//    same may be asked again after Open;
//  - with DEADLINE_EXCEEDED when the module did not answer by the deadline, which is the caller's affair; when it takes
//    longer than the configuration lets a call take, its process is ended and started again, and everything else that
//    was under way gets UNAVAILABLE;
//  - with FAILED_PRECONDITION and a payload kPinRefused;
//  - with DATA_LOSS for answers that no token gives.
// Messages are sentences that say what to do. Thread-safe.
class Token {
 public:
  using Time = std::chrono::steady_clock::time_point;
  template <typename Result>
  using Done = std::function<void(absl::StatusOr<Result>)>;

  // The destructor calls what is left with CANCELLED, and ends the module's process.
  virtual ~Token() = default;

  // Open starts the process if need be, finds the token and logs in: with `pin` (1 to 255 octets), or without when it
  // is null. An open token is looked at again, which is how one notices that it was removed; the PIN is then not sent.
  // NOT_FOUND if the module has no such token now, FAILED_PRECONDITION if it has several.
  virtual void Open(std::shared_ptr<const SecretBytes> pin, Time deadline, Done<TokenState> done) = 0;

  // Create makes a pair inside: private, sensitive, never extractable, for signatures only, not modifiable where the
  // token has that. UNIMPLEMENTED for what it does not make; RESOURCE_EXHAUSTED if it is full. A pair that was begun
  // and of which `done` heard no good is removed again if the token still answers.
  virtual void Create(KeyAlgorithm algorithm, std::string id, std::string label, Time deadline,
                      Done<TokenKey> done) = 0;

  // Find looks for a pair by its label. NOT_FOUND; FAILED_PRECONDITION if several have it, if it is no key for
  // signatures of an algorithm that there is, or has neither a public key nor a certificate with the same id.
  virtual void Find(std::string label, Time deadline, Done<TokenKey> done) = 0;

  // Sign signs with the private key that has `id` and the kind of `scheme`. The result is DER ECDSA-Sig-Value or the
  // RSA octets, and is verified by nobody yet. NOT_FOUND if there is no such key.
  virtual void Sign(std::string id, SignatureScheme scheme, std::string digest, Time deadline,
                    Done<Signature> done) = 0;

  // Destroy removes a pair. NOT_FOUND if there is none.
  virtual void Destroy(std::string id, Time deadline, std::function<void(const absl::Status&)> done) = 0;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_TOKEN_H_
