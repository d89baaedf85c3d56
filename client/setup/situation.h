#ifndef CLIENT_SETUP_SITUATION_H_
#define CLIENT_SETUP_SITUATION_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/admin_client.h"
#include "client/setup/settings_folder.h"
#include "client/setup/wishes.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::setup {

// Names of what setup has in its folder, besides "ca".
inline constexpr char kConfigurationFile[] = "ddskeyd.textproto";
inline constexpr char kPolicyFile[] = "policy.textproto";
// The CAs' certificates, and the governance that applications get.
inline constexpr char kIdentityCaFile[] = "authorities/identity_ca.pem";
inline constexpr char kPermissionsCaFile[] = "authorities/permissions_ca.pem";
inline constexpr char kGovernanceFile[] = "authorities/governance.p7s";
// What CAs elsewhere are to sign, and what they have signed.
inline constexpr char kRequestFolder[] = "requests/";
inline constexpr char kApplicationFolder[] = "applications/";

// IdentitySituation is how far an identity is.
struct IdentitySituation {
  WantedIdentity wanted;
  // The daemon's, if it has one and says so, and its certificate (PEM, intermediates after it).
  std::optional<v1::Key> key;
  std::string certificate;
  // Files of its folder in "applications", by name.
  std::map<std::string, std::string> files;
  // In "requests": the request, what it was made to, and the permissions before and after they were signed.
  std::string request;
  std::string requested_certificate;
  std::string permissions_xml;
  std::string signed_permissions;
};

// Situation is how this host is.
struct Situation {
  std::optional<std::string> configuration;
  std::optional<std::string> policy;
  // The files above; empty if they are not there.
  std::string identity_ca;
  std::string permissions_ca;
  std::string governance;
  // Certificates in "ca", of CAs whose keys are on this host.
  std::string made_identity_ca;
  std::string made_permissions_ca;
  // In "requests".
  std::string governance_xml;
  std::string signed_governance;
  // Whether the daemon answers, and what it says of itself if its policy lets us know.
  bool daemon_answers = false;
  std::optional<v1::GetStatusResponse> daemon;
  std::vector<IdentitySituation> identities;
};

// Survey finds out. `folder` is null if there is none yet. What is not ours in the folder, and what the daemon says
// that it cannot do, are errors.
absl::StatusOr<Situation> Survey(const Wishes& wishes, const SettingsFolder* folder, AdminClient& admin);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_SITUATION_H_
