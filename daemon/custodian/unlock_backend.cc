// How authorisation values that a person gives reach a backend.
#include <chrono>
#include <optional>
#include <utility>

#include "daemon/backend/key_backend.h"
#include "daemon/custodian/key_custodian.h"
#include "proto/contract/auth_kind.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kUnlockDeadline(60);

}  // namespace

void KeyCustodian::Unlock(const Subject& caller, std::string backend, std::string kind,
                          std::shared_ptr<const SecretBytes> value, std::function<void(absl::Status)> done) {
  parts_.pool.Post(caller, [this, caller, backend = std::move(backend), kind = std::move(kind),
                            value = std::move(value), done = std::move(done)]() mutable {
    Trail trail(parts_.authorizer, caller, "UnlockBackend", "");
    const auto finish = [&](const absl::Status& status) {
      trail.End(status);
      done(status);
    };
    const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kBackendUnlock, "");
    if (!allowed.ok()) return finish(allowed);
    const std::optional<AuthKind> parsed = ParseAuthKind(kind);
    if (!parsed.has_value()) return finish(absl::InvalidArgumentError("the value is for owner, parent, keys or pin"));
    if (value == nullptr) return finish(absl::InvalidArgumentError("the value is empty"));
    const BackendSet::Entry* const entry = backend.empty() ? nullptr : parts_.backends.FindByName(backend);
    if (entry == nullptr) return finish(absl::NotFoundError("there is no backend of that name; see: ddskeyctl status"));
    WorkOptions options;
    options.deadline = std::chrono::steady_clock::now() + kUnlockDeadline;
    entry->backend->SubmitUnlock(*parsed, std::move(value), std::move(options),
                                 [this, trail = std::move(trail), done = std::move(done)](const absl::Status& status) {
                                   parts_.pool.Resume([status, trail, done]() mutable {
                                     trail.End(status);
                                     done(status);
                                   });
                                 });
  });
}

}  // namespace ddskey
