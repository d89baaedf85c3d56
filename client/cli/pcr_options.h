#ifndef CLIENT_CLI_PCR_OPTIONS_H_
#define CLIENT_CLI_PCR_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/arguments.h"
#include "client/cli/command.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// What the commands about registers (PCRs) of a TPM share.

inline constexpr Option kPcr = {
    .name = "pcr",
    .value = "REGISTERS",
    .help = "like sha256:0,2,7: the key signs only while these registers of the TPM are as they are now"};
inline constexpr Option kPcrAuthority = {
    .name = "pcr-authority",
    .value = "FILE",
    .help = "PEM public key of who may approve other values of them, as after an update of the firmware"};
inline constexpr Option kPcrLabel = {.name = "pcr-label",
                                     .value = "LABEL",
                                     .help = "keys with the same label share approvals (default: the key's name)"};

// FillPcrs takes these three options into a request for a new key.
absl::Status FillPcrs(const Arguments& arguments, v1::CreateKeyRequest& request);

// ReadApproval reads what `ddskeyctl pcr approve` has written.
absl::StatusOr<v1::PcrApproval> ReadApproval(const std::string& path);

// PrintBinding prints what a key is bound to, for people.
void PrintBinding(const v1::PcrBinding& binding, const Io& io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_PCR_OPTIONS_H_
