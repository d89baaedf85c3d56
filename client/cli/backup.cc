#include <string>

#include "client/cli/backup_file.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"FILE"};

absl::StatusOr<v1::Backup> ReadAll(AdminClient& admin, const Io& io) {
  v1::Backup backup;
  backup.set_made(absl::ToUnixSeconds(io.now));
  backup.set_version(std::string(kVersion));
  v1::GetBackupRequest request;
  std::string octets;
  while (true) {
    ASSIGN_OR_RETURN(const v1::GetBackupResponse response, admin.GetBackup(request));
    backup.set_instance_uuid(response.instance_uuid());
    request.set_snapshot(response.snapshot());
    if (request.identity() >= response.identities()) return backup;
    octets += response.part();
    request.set_offset(octets.size());
    if (!response.last_part()) continue;
    if (!backup.add_identities()->ParseFromString(octets)) {
      return absl::InternalError("the daemon's answer is no identity");
    }
    octets.clear();
    request.set_offset(0);
    request.set_identity(request.identity() + 1);
  }
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  const std::string& file = arguments.operands().front();
  ASSIGN_OR_RETURN(const v1::Backup backup, ReadAll(admin, io));
  const std::string content = EncodeBackup(backup);
  RETURN_IF_ERROR(WriteNewFile(file, content, 0600));
  io.out << "Wrote " << backup.identities_size()
         << (backup.identities_size() == 1 ? " identity to " : " identities to ") << Escape(file)
         << ".\nSHA-256: " << DigestOf(content)
         << "\nNot in it: keys of a TPM are useless without that TPM, and software keys without "
         << "the software backend's secret, which is kept apart.\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kBackup = {
    .name = "backup",
    .summary = "Copy all identities into a file, while the daemon runs.",
    .details =
        "Keys are in it as their backends sealed them, so nobody can use them with the file alone. FILE must not "
        "exist.\n"
        "Compare the SHA-256 before you restore it: who can alter the file can add identities and CAs of his own.",
    .operands = kOperands,
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
