#include "client/setup/authorities.h"

#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/ca/certificate_authority.h"
#include "client/ca/folder.h"
#include "client/ca/openssl.h"
#include "client/ca/passphrase.h"
#include "client/ca/request.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

constexpr char kUnfinished[] = "ca.new";
constexpr char kPassphrase[] = "passphrase";
// 192 bits, as hexadecimal digits of 4 each.
constexpr size_t kDigits = 48;

absl::StatusOr<SecretBytes> NewPassphrase() {
  ASSIGN_OR_RETURN(SecretBytes passphrase, SecretBytes::Allocate(kDigits));
  const std::span<uint8_t> digits = passphrase.Reveal(SecretAccess());
  if (RAND_priv_bytes_ex(ca::Library(), digits.data(), digits.size(), 0) != 1) {
    return ca::OpensslError("make a passphrase");
  }
  for (uint8_t& digit : digits) digit = static_cast<uint8_t>("0123456789abcdef"[digit & 15]);
  return passphrase;
}

absl::StatusOr<SecretBytes> ReadPassphrase(const SettingsFolder& folder, const std::string& file) {
  if (!file.empty()) return ca::ReadPassphraseFile(file);
  const std::string kept = absl::StrCat(folder.File(kAuthorityFolder), "/", kPassphrase);
  absl::StatusOr<SecretBytes> passphrase = ca::ReadPassphraseFile(kept);
  if (passphrase.ok()) return passphrase;
  return absl::Status(passphrase.status().code(),
                      absl::StrCat(std::string(passphrase.status().message()),
                                   "; give the passphrase of the CAs with --passphrase-file"));
}

}  // namespace

absl::Status MakeAuthorities(SettingsFolder& folder, const std::string& organization,
                             const std::string& passphrase_file, absl::Time now) {
  // Left behind by an interruption: nobody has used those.
  RETURN_IF_ERROR(folder.Remove(kUnfinished));
  absl::StatusOr<SecretBytes> passphrase =
      passphrase_file.empty() ? NewPassphrase() : ca::ReadPassphraseFile(passphrase_file);
  if (!passphrase.ok()) return passphrase.status();
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<ca::Folder> made, ca::Folder::Make(folder.File(kUnfinished)));
    if (passphrase_file.empty()) {
      const std::span<const uint8_t> secret = passphrase->Reveal(SecretAccess());
      const std::string_view text(reinterpret_cast<const char*>(secret.data()), secret.size());
      RETURN_IF_ERROR(made->Create(kPassphrase, text, 0600));
    }
  }
  ca::CertificateAuthority::Plan plan;
  plan.organization = organization;
  RETURN_IF_ERROR(ca::CertificateAuthority::Init(folder.File(kUnfinished), plan, *passphrase, now));
  return folder.Rename(kUnfinished, kAuthorityFolder);
}

absl::StatusOr<std::string> CertifyRequest(const SettingsFolder& folder, const std::string& request,
                                           const std::vector<std::pair<std::string, std::string>>& subject,
                                           const std::string& passphrase_file, absl::Time not_after, absl::Time now) {
  ASSIGN_OR_RETURN(const ca::Request parsed, ca::Request::Parse(request));
  if (parsed.attributes() != subject) {
    return absl::FailedPreconditionError(
        absl::StrCat("the daemon's request is for another subject than was asked for: ", parsed.subject_text()));
  }
  ASSIGN_OR_RETURN(const SecretBytes passphrase, ReadPassphrase(folder, passphrase_file));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(folder.File(kAuthorityFolder)));
  return authority.Certify(parsed, not_after, passphrase, now);
}

absl::StatusOr<std::string> SignDocument(const SettingsFolder& folder, const std::string& xml,
                                         const std::string& passphrase_file, absl::Time now) {
  ASSIGN_OR_RETURN(const SecretBytes passphrase, ReadPassphrase(folder, passphrase_file));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(folder.File(kAuthorityFolder)));
  return authority.SignDocument(xml, passphrase, now);
}

}  // namespace ddskey::setup
