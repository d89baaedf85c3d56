#ifndef CLIENT_CLI_OPEN_WRAPPED_H_
#define CLIENT_CLI_OPEN_WRAPPED_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/admin_client.h"

namespace ddskey::cli {

// OpenWrapped reads the file `path` with a document of `kind` that was encrypted to the TPM of the key `name`, and has
// the daemon open it.
absl::StatusOr<std::string> OpenWrapped(const std::string& name, const std::string& path, std::string_view kind,
                                        AdminClient& admin);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_OPEN_WRAPPED_H_
