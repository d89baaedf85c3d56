#ifndef DAEMON_BACKEND_PKCS11_HELPER_SERVED_TOKEN_H_
#define DAEMON_BACKEND_PKCS11_HELPER_SERVED_TOKEN_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "daemon/backend/pkcs11/helper/module.h"
#include "daemon/backend/pkcs11/helper/sessions.h"
#include "daemon/backend/pkcs11/helper/token_choice.h"
#include "daemon/backend/pkcs11/helper_call.pb.h"
#include "proto/contract/signature_scheme.h"

namespace ddskey::pkcs11 {

// ServedToken is the token that this process serves. Each call waits for the module. Every call but Open is Lost until
// the token was opened, and again when it went. Thread-safe.
class ServedToken {
 public:
  static absl::StatusOr<std::unique_ptr<ServedToken>> Create(TokenChoice choice, size_t sessions);

  // Open loads the module the first time, finds the token and logs in; an open token is only looked at.
  absl::StatusOr<wire::TokenAnswer> Open(const Pin& pin);
  absl::StatusOr<wire::KeyAnswer> Make(KeyAlgorithm algorithm, const std::string& id, const std::string& label);
  absl::StatusOr<wire::KeyAnswer> Find(const std::string& label);
  absl::StatusOr<std::string> Sign(const std::string& id, SignatureScheme scheme, const std::string& digest);
  absl::Status Destroy(const std::string& id);

 private:
  using KeyName = std::pair<CK_KEY_TYPE, std::string>;

  ServedToken(TokenChoice choice, size_t sessions, std::unique_ptr<CryptoLibrary> library)
      : choice_(std::move(choice)), limit_(sessions), library_(std::move(library)) {}

  absl::Status LogInAnew(const Pin& pin);
  wire::TokenAnswer Describe() const;
  // WithSession runs `call` in a session, and once more in another one if that session was gone.
  absl::Status WithSession(const std::function<absl::Status(CK_SESSION_HANDLE)>& call);
  absl::StatusOr<CK_OBJECT_HANDLE> HandleOf(CK_SESSION_HANDLE session, const KeyName& name);
  void Forget(const KeyName& name);

  const TokenChoice choice_;
  const size_t limit_;
  const std::unique_ptr<CryptoLibrary> library_;

  // Shared by whoever uses the sessions.
  std::shared_mutex mutex_;
  std::optional<Module> module_;
  std::unique_ptr<Sessions> sessions_;

  std::mutex handles_mutex_;
  std::map<KeyName, CK_OBJECT_HANDLE> handles_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_SERVED_TOKEN_H_
