#ifndef CLIENT_SETUP_IDENTITY_STEPS_H_
#define CLIENT_SETUP_IDENTITY_STEPS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/setup/plan.h"
#include "client/setup/situation.h"
#include "client/setup/wishes.h"

namespace ddskey::setup {

// Ground is what all identities stand on: what is there by the time that their steps are done.
struct Ground {
  // PEM; empty while the CAs are still to be made.
  std::string identity_ca;
  std::string permissions_ca;
  // Signed; empty while it is still to be signed.
  std::string governance;
  // The CAs' keys are on this host.
  bool can_sign = false;
  // Name of the backend for new keys; empty for the first one.
  std::string backend;
  // Path of the folder of settings.
  std::string folder;
  absl::Time now;
};

// AddIdentitySteps adds what is still to do for an identity. FAILED_PRECONDITION if the daemon has another of its name.
absl::Status AddIdentitySteps(const Wishes& wishes, const IdentitySituation& identity, const Ground& ground,
                              Plan& plan);

// SignedXml returns what the document `smime` says, with line ends of LF, if the permissions CA has signed it; `file`
// names it in errors, which are those of ros2::OpenSignedDocument.
absl::StatusOr<std::string> SignedXml(std::string_view smime, std::string_view permissions_ca, const std::string& file);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_IDENTITY_STEPS_H_
