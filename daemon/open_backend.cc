#include "daemon/open_backend.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "daemon/backend/pkcs11/helper_token.h"
#include "daemon/backend/pkcs11/pkcs11_backend.h"
#include "daemon/backend/secret_source.h"
#include "daemon/backend/software/software_backend.h"
#include "daemon/backend/tpm2/tpm_backend.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

std::string CredentialsDirectory() {
  const char* const directory = secure_getenv("CREDENTIALS_DIRECTORY");
  return directory == nullptr ? "" : directory;
}

// FindOwn looks for the credential `name` of a backend with `find`, under the backend's own name first.
template <typename T, typename Find>
absl::StatusOr<std::optional<T>> FindOwn(const v1::Config& config, const v1::Backend& backend, const std::string& name,
                                         Find find) {
  const std::string directory = CredentialsDirectory();
  ASSIGN_OR_RETURN(std::optional<T> own, find(directory, absl::StrCat(name, ".", backend.name())));
  if (own.has_value()) return own;
  // With several devices of the kind nobody can tell whose it is, and a wrong value must not be tried.
  const auto alike = std::count_if(config.backend().begin(), config.backend().end(),
                                   [&](const v1::Backend& other) { return other.kind_case() == backend.kind_case(); });
  if (alike > 1) return std::nullopt;
  return find(directory, name);
}

absl::StatusOr<std::unique_ptr<KeyBackend>> OpenTpm(const v1::Config& config, const v1::Backend& backend,
                                                    std::vector<std::string> blobs) {
  TpmBackend::Options options;
  options.tcti = backend.tpm2().tcti();
  options.storage_root_name = backend.tpm2().storage_root_name();
  options.blobs = std::move(blobs);
  ASSIGN_OR_RETURN(options.auth_secret, FindOwn<HostSecret>(config, backend, "ddskeyd.tpm2-key-auth", &FindSecret));
  ASSIGN_OR_RETURN(options.parent_auth.owner,
                   FindOwn<SecretBytes>(config, backend, "ddskeyd.tpm2-owner-auth", &FindAuthValue));
  ASSIGN_OR_RETURN(options.parent_auth.storage_root,
                   FindOwn<SecretBytes>(config, backend, "ddskeyd.tpm2-parent-auth", &FindAuthValue));
  ASSIGN_OR_RETURN(options.endorsement_auth,
                   FindOwn<SecretBytes>(config, backend, "ddskeyd.tpm2-endorsement-auth", &FindAuthValue));
  return TpmBackend::Create(std::move(options));
}

absl::StatusOr<std::unique_ptr<KeyBackend>> OpenToken(const v1::Config& config, const v1::Backend& backend) {
  const v1::Pkcs11Backend& token = backend.pkcs11();
  pkcs11::HelperOptions helper;
  helper.module = token.module();
  helper.label = token.token_label();
  helper.serial = token.token_serial();
  helper.socket = token.helper_socket();
  if (helper.socket.empty()) {
    helper.sessions = token.sessions();
    helper.environment.assign(token.environment().begin(), token.environment().end());
    helper.helper = token.helper();
    helper.user = token.helper_user();
    helper.same_user = token.same_user();
  }
  helper.needs_network = token.needs_network();
  helper.call_deadline = std::chrono::milliseconds(token.call_timeout_ms());
  Pkcs11Backend::Options options;
  ASSIGN_OR_RETURN(std::optional<SecretBytes> pin,
                   FindOwn<SecretBytes>(config, backend, "ddskeyd.pkcs11-pin", &FindAuthValue));
  if (pin.has_value()) options.pin = std::make_shared<const SecretBytes>(*std::move(pin));
  // Looking for the token is several calls, of which each may take that long.
  options.open_timeout = 2 * helper.call_deadline;
  ASSIGN_OR_RETURN(std::unique_ptr<pkcs11::HelperToken> process, pkcs11::HelperToken::Create(std::move(helper)));
  return Pkcs11Backend::Create(std::move(process), std::move(options));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyBackend>> OpenBackend(const v1::Config& config, const v1::Backend& backend,
                                                        std::vector<std::string> blobs) {
  if (backend.has_tpm2()) return OpenTpm(config, backend, std::move(blobs));
  if (backend.has_pkcs11()) return OpenToken(config, backend);
  const std::string& configured = backend.software().secret_file();
  SecretSource source;
  source.credentials_directory = CredentialsDirectory();
  source.is_needed = !blobs.empty();
  source.file = configured.empty() ? absl::StrCat(config.state_directory(), "/software.secret") : configured;
  ASSIGN_OR_RETURN(HostSecret secret, LoadSecret(source));
  SoftwareBackend::Options options;
  // S-6 is about devices: a signature made here costs less than what else there is to do for its Reply.
  options.queue.replies_per_second = 0;
  return SoftwareBackend::Create(std::move(secret), options);
}

}  // namespace ddskey
