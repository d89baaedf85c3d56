#ifndef CLIENT_SETUP_AUTHORITIES_H_
#define CLIENT_SETUP_AUTHORITIES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/setup/settings_folder.h"

namespace ddskey::setup {

// The folder of the CAs that setup makes: a client/ca folder, with the passphrase of their keys beside them.
inline constexpr char kAuthorityFolder[] = "ca";

// MakeAuthorities makes an identity CA and a permissions CA in the folder "ca" of `folder`, which must not be there:
// all of it, or nothing. The passphrase is in `passphrase_file`; if that is empty, one is made and kept in
// "ca/passphrase".
absl::Status MakeAuthorities(SettingsFolder& folder, const std::string& organization,
                             const std::string& passphrase_file, absl::Time now);

// CertifyRequest has the identity CA in `folder` certify `request` (PEM). FAILED_PRECONDITION if the request's subject
// does not have the attributes `subject`, type and value, in this order.
absl::StatusOr<std::string> CertifyRequest(const SettingsFolder& folder, const std::string& request,
                                           const std::vector<std::pair<std::string, std::string>>& subject,
                                           const std::string& passphrase_file, absl::Time not_after, absl::Time now);

// SignDocument has the permissions CA sign `xml`.
absl::StatusOr<std::string> SignDocument(const SettingsFolder& folder, const std::string& xml,
                                         const std::string& passphrase_file, absl::Time now);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_AUTHORITIES_H_
