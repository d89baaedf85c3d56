#include "client/cli/pcr_options.h"

#include <google/protobuf/util/json_util.h>

#include "client/ca/pcr_authority.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {

absl::Status FillPcrs(const Arguments& arguments, v1::CreateKeyRequest& request) {
  const auto registers = arguments.Value(kPcr.name);
  if (!registers.has_value()) {
    if (!arguments.Has(kPcrAuthority.name) && !arguments.Has(kPcrLabel.name)) return absl::OkStatus();
    return UsageError("--pcr-authority and --pcr-label go with --pcr");
  }
  if (const auto selection = ParsePcrSelection(*registers); !selection.ok()) {
    return UsageError("--pcr: " + std::string(selection.status().message()));
  }
  request.set_pcrs(*registers);
  if (const auto label = arguments.Value(kPcrLabel.name)) {
    if (!arguments.Has(kPcrAuthority.name)) return UsageError("--pcr-label goes with --pcr-authority");
    if (!IsPcrLabel(*label)) return UsageError("--pcr-label is written as a key's name");
    request.set_pcr_label(*label);
  }
  if (const auto file = arguments.Value(kPcrAuthority.name)) {
    ASSIGN_OR_RETURN(const std::string pem, ReadDocument(*file));
    ASSIGN_OR_RETURN(*request.mutable_pcr_authority(), ca::ReadPublicKey(pem));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::PcrApproval> ReadApproval(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadDocument(path));
  v1::PcrApproval approval;
  const auto read = google::protobuf::util::JsonStringToMessage(text, &approval);
  if (!read.ok() || approval.label().empty() || approval.signature().empty()) {
    return absl::InvalidArgumentError(path + " is no approval, as made by: ddskeyctl pcr approve");
  }
  return approval;
}

void PrintBinding(const v1::PcrBinding& binding, const Io& io) {
  io.out << "Bound to:     " << Escape(binding.pcrs()) << " of the TPM";
  if (binding.authority_sha256().empty()) {
    io.out << "; nobody may approve other values\n";
  } else {
    const int approvals = binding.allowed_size() > 0 ? binding.allowed_size() - 1 : 0;
    io.out << "; " << approvals << (approvals == 1 ? " approval" : " approvals") << " for " << Escape(binding.label())
           << " by the authority " << Escape(binding.authority_sha256().substr(0, 16)) << '\n';
  }
  if (!binding.problem().empty()) io.out << "Problem:      " << Escape(binding.problem()) << '\n';
}

}  // namespace ddskey::cli
