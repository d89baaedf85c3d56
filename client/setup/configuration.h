#ifndef CLIENT_SETUP_CONFIGURATION_H_
#define CLIENT_SETUP_CONFIGURATION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace ddskey::setup {

// BackendChoice is a backend that setup can configure.
struct BackendChoice {
  // "tpm2" or "software".
  std::string kind;
  // Of a TPM, as config.proto has it.
  std::string tcti;
};

// Configuration is the text of a configuration file (config.proto), as far as setup reads and changes it.
class Configuration {
 public:
  // ConfiguredBackend is one of its backends.
  struct ConfiguredBackend {
    std::string name;
    // "software", "tpm2" or "pkcs11"; empty if it says none.
    std::string kind;
    std::string tcti;
  };

  // Parse reads `text`. INVALID_ARGUMENT, with line and column, if it is no configuration.
  static absl::StatusOr<Configuration> Parse(std::string_view text, const std::string& file);

  // backends are those that it names. None means one backend "software".
  const std::vector<ConfiguredBackend>& backends() const { return backends_; }

  // policy_file is empty if it names none.
  const std::string& policy_file() const { return policy_file_; }

  // NameOf is the name of the backend that is `choice`, or nothing if none is.
  std::optional<std::string> NameOf(const BackendChoice& choice) const;

  // WithBackend is the text with `choice` as its first backend, where it names none: all else stays as it is. With
  // `keep_software` a software backend comes after it, for keys that are in the one a daemon has without any.
  std::string WithBackend(const BackendChoice& choice, bool keep_software) const;

  // WithBackendsReplaced is the text with `choice` in the place of all backends. Comments are lost.
  std::string WithBackendsReplaced(const BackendChoice& choice) const;

 private:
  Configuration() = default;

  std::string text_;
  std::string policy_file_;
  std::vector<ConfiguredBackend> backends_;
};

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_CONFIGURATION_H_
