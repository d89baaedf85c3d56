#include "plugin_shim/core/local_identity.h"

#include <optional>
#include <utility>

#include "plugin_shim/core/explain.h"

namespace ddskey {

std::shared_ptr<LocalIdentity> LocalIdentity::Validate(AuthenticationClient& client,
                                                       v1::ValidateLocalIdentityRequest request,
                                                       std::chrono::milliseconds timeout, std::string* error) {
  auto result = client.ValidateLocalIdentity(request, CallClock::now() + timeout);
  if (!result.status.ok()) {
    *error = Explain(result.status, request.key_name(), client.socket());
    if (RemedyFor(result.status) == Remedy::kWait) *error += "; waited " + std::to_string(timeout.count()) + " ms";
    return nullptr;
  }
  const std::optional<Guid> guid = ParseGuid(result.value.adjusted_guid());
  if (!guid) {
    *error = Explain({CallCode::kInternal, "it gave no adjusted GUID"}, request.key_name(), client.socket());
    return nullptr;
  }
  return std::shared_ptr<LocalIdentity>(new LocalIdentity(std::move(request), result.value, *guid));
}

LocalIdentity::LocalIdentity(v1::ValidateLocalIdentityRequest request,
                             const v1::ValidateLocalIdentityResponse& response, const Guid& guid)
    : request_(std::move(request)),
      adjusted_guid_(guid),
      token_(response.identity_token()),
      not_after_(response.not_after()),
      ticket_(response.identity_ticket()) {}

LocalIdentity::LocalIdentity(const LocalIdentity& other)
    : request_(other.request_),
      adjusted_guid_(other.adjusted_guid_),
      token_(other.token_),
      not_after_(other.not_after_),
      ticket_(other.ticket()),
      permissions_(other.permissions()) {}

std::shared_ptr<LocalIdentity> LocalIdentity::Copy() const {
  return std::shared_ptr<LocalIdentity>(new LocalIdentity(*this));
}

std::string LocalIdentity::ticket() const {
  const std::lock_guard lock(mutex_);
  return ticket_;
}

CallStatus LocalIdentity::Renew(AuthenticationClient& client, CallClock::time_point deadline, const Waker* waker) {
  const auto result = client.ValidateLocalIdentity(request_, deadline, waker);
  if (!result.status.ok()) return result.status;
  // Peers know this participant by its GUID: with another one it would be somebody else.
  if (result.value.adjusted_guid() != GuidOctets(adjusted_guid_)) {
    return {CallCode::kPermissionDenied, "the subject of the key's certificate has changed; restart the application"};
  }
  const std::lock_guard lock(mutex_);
  ticket_ = result.value.identity_ticket();
  return {};
}

std::string LocalIdentity::permissions() const {
  const std::lock_guard lock(mutex_);
  return permissions_;
}

void LocalIdentity::set_permissions(std::string document) {
  const std::lock_guard lock(mutex_);
  permissions_ = std::move(document);
}

}  // namespace ddskey
