#ifndef PLUGIN_SHIM_CORE_LOCAL_IDENTITY_H_
#define PLUGIN_SHIM_CORE_LOCAL_IDENTITY_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "client/authentication_client.h"
#include "client/call_status.h"
#include "client/unix_socket.h"
#include "client/waker.h"
#include "ddskey/v1/authentication.pb.h"
#include "proto/contract/guid.h"

namespace ddskey {

// LocalIdentity is a participant of this process whose right to its key the daemon has confirmed. Thread-safe.
class LocalIdentity {
 public:
  // Validate asks the daemon, for which it waits until `timeout` has passed. Null, and a sentence in `*error`, if the
  // daemon refuses or does not come.
  static std::shared_ptr<LocalIdentity> Validate(AuthenticationClient& client, v1::ValidateLocalIdentityRequest request,
                                                 std::chrono::milliseconds timeout, std::string* error);

  const std::string& key_name() const { return request_.key_name(); }
  const Guid& adjusted_guid() const { return adjusted_guid_; }
  const v1::DataHolder& token() const { return token_; }
  // not_after is the end of the certificate's validity when the identity was validated, seconds since 1970.
  int64_t not_after() const { return not_after_; }

  // Copy is the same participant for another thread, which from then on renews its ticket for itself.
  std::shared_ptr<LocalIdentity> Copy() const;

  // ticket is what the daemon wants to see in every call for this participant.
  std::string ticket() const;

  // Renew asks for a new ticket, after the daemon could not open the one it was shown. `waker` (unless null) ends the
  // call early.
  CallStatus Renew(AuthenticationClient& client, CallClock::time_point deadline, const Waker* waker = nullptr);

  // permissions is the document that goes out as `c.perm`; empty until access control has set it.
  std::string permissions() const;
  void set_permissions(std::string document);

 private:
  LocalIdentity(v1::ValidateLocalIdentityRequest request, const v1::ValidateLocalIdentityResponse& response,
                const Guid& guid);
  explicit LocalIdentity(const LocalIdentity& other);

  const v1::ValidateLocalIdentityRequest request_;
  const Guid adjusted_guid_;
  const v1::DataHolder token_;
  const int64_t not_after_;
  mutable std::mutex mutex_;
  std::string ticket_;
  std::string permissions_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_LOCAL_IDENTITY_H_
