#ifndef DAEMON_BACKEND_TPM2_TCTI_NAME_H_
#define DAEMON_BACKEND_TPM2_TCTI_NAME_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace ddskey::tpm {

// LoaderString turns a configured TCTI ("device:/dev/tpmrm0", "tabrmd:", "swtpm:path=/run/swtpm.sock",
// "mssim:host=127.0.0.1,port=2321") into what tpm2-tss's loader takes, naming the library by its full name so that the
// loader tries no other file. INVALID_ARGUMENT for every other name (S-13: "cmd" runs a shell, "pcap" writes files, a
// path loads foreign code), for control characters and for over 256 octets.
absl::StatusOr<std::string> LoaderString(std::string_view tcti);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TCTI_NAME_H_
