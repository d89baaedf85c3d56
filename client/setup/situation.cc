#include "client/setup/situation.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

constexpr const char* kApplicationFiles[] = {"identity_ca.pem", "certificate.pem", "permissions_ca.pem",
                                             "governance.p7s",  "permissions.p7s", "cyclonedds.xml",
                                             "environment"};

absl::StatusOr<std::string> ReadOr(const SettingsFolder& folder, const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<std::string> content, folder.Read(name));
  return std::move(content).value_or("");
}

absl::Status ReadCommon(const SettingsFolder& folder, Situation& situation) {
  ASSIGN_OR_RETURN(situation.configuration, folder.Read(kConfigurationFile));
  ASSIGN_OR_RETURN(situation.policy, folder.Read(kPolicyFile));
  ASSIGN_OR_RETURN(situation.identity_ca, ReadOr(folder, kIdentityCaFile));
  ASSIGN_OR_RETURN(situation.permissions_ca, ReadOr(folder, kPermissionsCaFile));
  ASSIGN_OR_RETURN(situation.governance, ReadOr(folder, kGovernanceFile));
  ASSIGN_OR_RETURN(situation.made_identity_ca, ReadOr(folder, "ca/identity_ca.pem"));
  ASSIGN_OR_RETURN(situation.made_permissions_ca, ReadOr(folder, "ca/permissions_ca.pem"));
  ASSIGN_OR_RETURN(situation.governance_xml, ReadOr(folder, absl::StrCat(kRequestFolder, "governance.xml")));
  ASSIGN_OR_RETURN(situation.signed_governance, ReadOr(folder, absl::StrCat(kRequestFolder, "governance.p7s")));
  return absl::OkStatus();
}

absl::Status ReadOwn(const SettingsFolder& folder, IdentitySituation& identity) {
  const std::string& name = identity.wanted.name;
  for (const char* file : kApplicationFiles) {
    ASSIGN_OR_RETURN(std::optional<std::string> content,
                     folder.Read(absl::StrCat(kApplicationFolder, name, "/", file)));
    if (content.has_value()) identity.files[file] = *std::move(content);
  }
  const std::string requests = absl::StrCat(kRequestFolder, name);
  ASSIGN_OR_RETURN(identity.request, ReadOr(folder, requests + ".csr"));
  ASSIGN_OR_RETURN(identity.requested_certificate, ReadOr(folder, requests + ".pem"));
  ASSIGN_OR_RETURN(identity.permissions_xml, ReadOr(folder, requests + ".permissions.xml"));
  ASSIGN_OR_RETURN(identity.signed_permissions, ReadOr(folder, requests + ".permissions.p7s"));
  return absl::OkStatus();
}

absl::Status AskDaemon(AdminClient& admin, Situation& situation) {
  absl::StatusOr<v1::GetStatusResponse> status = admin.GetStatus(v1::GetStatusRequest());
  if (absl::IsUnavailable(status.status())) return absl::OkStatus();
  situation.daemon_answers = true;
  // A policy that keeps it from root will be extended.
  if (absl::IsPermissionDenied(status.status())) return absl::OkStatus();
  if (!status.ok()) return status.status();
  situation.daemon = *std::move(status);
  return absl::OkStatus();
}

absl::Status AskAbout(AdminClient& admin, IdentitySituation& identity) {
  v1::GetKeyRequest get;
  get.set_name(identity.wanted.name);
  const absl::StatusOr<v1::GetKeyResponse> held = admin.GetKey(get);
  if (absl::IsNotFound(held.status()) || absl::IsPermissionDenied(held.status())) return absl::OkStatus();
  if (!held.ok()) return held.status();
  identity.key = held->key();
  if (!held->key().has_certificate()) return absl::OkStatus();
  v1::GetCertificateRequest get_certificate;
  get_certificate.set_key_name(identity.wanted.name);
  ASSIGN_OR_RETURN(const v1::GetCertificateResponse installed, admin.GetCertificate(get_certificate));
  identity.certificate = installed.chain_pem();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Situation> Survey(const Wishes& wishes, const SettingsFolder* folder, AdminClient& admin) {
  Situation situation;
  if (folder != nullptr) RETURN_IF_ERROR(ReadCommon(*folder, situation));
  RETURN_IF_ERROR(AskDaemon(admin, situation));
  for (const WantedIdentity& wanted : wishes.identities) {
    IdentitySituation identity;
    identity.wanted = wanted;
    if (folder != nullptr) RETURN_IF_ERROR(ReadOwn(*folder, identity));
    if (situation.daemon_answers) RETURN_IF_ERROR(AskAbout(admin, identity));
    situation.identities.push_back(std::move(identity));
  }
  return situation;
}

}  // namespace ddskey::setup
