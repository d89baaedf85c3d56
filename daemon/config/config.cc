#include "daemon/config/config.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/config/trusted_file.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

constexpr int kMaxBackends = 16;
constexpr char kDefaultTcti[] = "device:/dev/tpmrm0";
// The daemon binds a temporary name that is four characters longer, and sun_path ends with a zero.
constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1 - 4;
constexpr uint32_t kMaxLimit = 1'000'000;
constexpr int kMaxListFiles = 256;
constexpr int kMaxPatterns = 64;
// As in the policy.
constexpr size_t kMaxKeyPattern = 128;
constexpr size_t kMaxTokenName = 64;
constexpr int kMaxVariables = 32;
constexpr uint32_t kMaxSessions = 8;
constexpr uint32_t kDefaultCallTimeout = 10'000;
constexpr uint32_t kMinCallTimeout = 100;
constexpr uint32_t kMaxCallTimeout = 600'000;
constexpr char kDefaultHelper[] = "/usr/libexec/ddskeyd/ddskeyd-pkcs11";

// Mistakes collects what is wrong with one file.
class Mistakes : public google::protobuf::io::ErrorCollector {
 public:
  explicit Mistakes(std::string file_name) : file_name_(std::move(file_name)) {}

  // Lines and columns count from 0 here.
  void AddError(int line, int column, const std::string& message) override {
    lines_.push_back(absl::StrCat(file_name_, ":", line + 1, ":", column + 1, ": ", message));
  }
  // Unknown fields are warnings to a parser that may go on after them.
  void AddWarning(int line, int column, const std::string& message) override { AddError(line, column, message); }

  absl::Status ToStatus() const {
    return lines_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(lines_, "\n"));
  }

 private:
  const std::string file_name_;
  std::vector<std::string> lines_;
};

// Place is a message in the file, for saying where one of its fields stands.
class Place {
 public:
  Place(Mistakes& mistakes, const Message& message, TextFormat::ParseInfoTree* tree)
      : mistakes_(mistakes), message_(message), tree_(tree) {}

  void Wrong(const char* field_name, const std::string& what, int index = -1) const {
    const FieldDescriptor* field = message_.GetDescriptor()->FindFieldByName(field_name);
    const auto at = tree_ == nullptr ? TextFormat::ParseLocation() : tree_->GetLocation(field, index);
    mistakes_.AddError(std::max(at.line, 0), std::max(at.column, 0), absl::StrCat(field_name, ": ", what));
  }

  Place Nested(const char* field_name, const Message& message, int index = -1) const {
    const FieldDescriptor* field = message_.GetDescriptor()->FindFieldByName(field_name);
    return Place(mistakes_, message, tree_ == nullptr ? nullptr : tree_->GetTreeForNested(field, index));
  }

 private:
  Mistakes& mistakes_;
  const Message& message_;
  TextFormat::ParseInfoTree* const tree_;
};

void CheckPath(const Place& place, const char* field, const std::string& path) {
  if (!path.empty() && path.front() != '/') place.Wrong(field, "must be an absolute path");
  if (path.find('\0') != std::string::npos) place.Wrong(field, "must not hold a zero octet");
}

void CheckSocket(const Place& place, const char* field, const std::string& path) {
  CheckPath(place, field, path);
  if (path.size() > kMaxSocketPath) {
    place.Wrong(field, absl::StrCat("the path of a socket has at most ", kMaxSocketPath, " characters"));
  }
}

void CheckMode(const Place& place, const char* field, const std::string& mode) {
  const bool octal = std::all_of(mode.begin(), mode.end(), [](char c) { return c >= '0' && c <= '7'; });
  if (mode.empty()) return;
  if (!octal || mode.size() < 3 || mode.size() > 4 || SocketMode(mode) > 0777) {
    place.Wrong(field, "must be permission bits in octal, for example \"0660\"");
  }
}

bool IsBackendName(const std::string& name) {
  return !name.empty() && name.size() <= 32 && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// S-13: the TCTI loader would load any library by its path, and "cmd:" runs a shell.
bool IsAllowedTcti(const std::string& tcti) {
  const std::string kind = tcti.substr(0, tcti.find(':'));
  return kind == "device" || kind == "tabrmd" || kind == "swtpm" || kind == "mssim";
}

// IsObjectName tells whether `name` can be the Name of an object in a TPM (TPM 2.0 Part 1, 16), with a hash of SHA-2.
bool IsObjectName(const std::string& name) {
  const bool hexadecimal = std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  return hexadecimal &&
         ((name.starts_with("000b") && name.size() == 68) || (name.starts_with("000c") && name.size() == 100) ||
          (name.starts_with("000d") && name.size() == 132));
}

void CheckTpm2(const Place& place, const v1::Tpm2Backend& tpm) {
  if (!tpm.tcti().empty() && !IsAllowedTcti(tpm.tcti())) {
    place.Wrong("tcti", "must begin with \"device:\", \"tabrmd:\", \"swtpm:\" or \"mssim:\"");
  }
  if (!tpm.storage_root_name().empty() && !IsObjectName(tpm.storage_root_name())) {
    place.Wrong("storage_root_name", "must be a name as tpm2_readpublic shows it: 000b and 64 hexadecimal digits");
  }
}

// CheckForeignHelper is about a helper that systemd starts: what it runs is said in its unit.
void CheckForeignHelper(const Place& place, const v1::Pkcs11Backend& token) {
  CheckSocket(place, "helper_socket", token.helper_socket());
  const std::pair<const char*, bool> elsewhere[] = {{"module", !token.module().empty()},
                                                    {"token_label", !token.token_label().empty()},
                                                    {"token_serial", !token.token_serial().empty()},
                                                    {"sessions", token.sessions() != 0},
                                                    {"environment", token.environment_size() > 0},
                                                    {"helper_user", !token.helper_user().empty()},
                                                    {"same_user", token.same_user()},
                                                    {"needs_network", token.needs_network()},
                                                    {"helper", !token.helper().empty()}};
  for (const auto& [field, is_set] : elsewhere) {
    if (is_set) place.Wrong(field, "belongs into the unit of the helper, if there is a helper_socket");
  }
}

void CheckPkcs11(const Place& place, const v1::Pkcs11Backend& token) {
  if (token.call_timeout_ms() != 0 &&
      (token.call_timeout_ms() < kMinCallTimeout || token.call_timeout_ms() > kMaxCallTimeout)) {
    place.Wrong("call_timeout_ms", absl::StrCat("must be ", kMinCallTimeout, " to ", kMaxCallTimeout));
  }
  if (!token.helper_socket().empty()) return CheckForeignHelper(place, token);
  if (!token.module().starts_with("pkcs11:")) CheckPath(place, "module", token.module());
  CheckPath(place, "helper", token.helper());
  if (token.token_label().size() > kMaxTokenName) place.Wrong("token_label", "has at most 64 characters");
  if (token.token_serial().size() > kMaxTokenName) place.Wrong("token_serial", "has at most 64 characters");
  if (token.sessions() > kMaxSessions) place.Wrong("sessions", absl::StrCat("must be at most ", kMaxSessions));
  if (token.environment_size() > kMaxVariables) {
    place.Wrong("environment", absl::StrCat("at most ", kMaxVariables, " variables"), kMaxVariables);
  }
  for (int i = 0; i < token.environment_size(); ++i) {
    const std::string& variable = token.environment(i);
    if (variable.find('=') == std::string::npos || variable.front() == '=' ||
        variable.find('\0') != std::string::npos) {
      place.Wrong("environment", "must be NAME=value", i);
    }
  }
}

// TokenKey tells the tokens of two backends apart.
std::string TokenKey(const v1::Pkcs11Backend& token) {
  return absl::StrJoin({token.module(), token.token_label(), token.token_serial(), token.helper_socket()},
                       std::string(1, '\0'));
}

void CheckBackends(const Place& place, const v1::Config& config) {
  if (config.backend_size() > kMaxBackends) {
    place.Wrong("backend", absl::StrCat("at most ", kMaxBackends, " backends"), kMaxBackends);
  }
  std::set<std::string> names;
  std::set<std::string> tctis;
  std::set<std::string> tokens;
  for (int i = 0; i < config.backend_size(); ++i) {
    const v1::Backend& backend = config.backend(i);
    const Place at = place.Nested("backend", backend, i);
    if (backend.name().empty()) {
      place.Wrong("backend", "needs a name", i);
    } else if (!IsBackendName(backend.name())) {
      at.Wrong("name", "must be 1 to 32 characters of [a-z0-9-], not beginning with -");
    } else if (!names.insert(backend.name()).second) {
      at.Wrong("name", absl::StrCat("there is another backend named ", backend.name()));
    }
    switch (backend.kind_case()) {
      case v1::Backend::kSoftware:
        CheckPath(at.Nested("software", backend.software()), "secret_file", backend.software().secret_file());
        break;
      case v1::Backend::kTpm2:
        CheckTpm2(at.Nested("tpm2", backend.tpm2()), backend.tpm2());
        if (const std::string& tcti = backend.tpm2().tcti(); !tctis.insert(tcti.empty() ? kDefaultTcti : tcti).second) {
          // Two owners of one TPM would take its places from each other.
          at.Nested("tpm2", backend.tpm2()).Wrong("tcti", "another backend has this TPM");
        }
        break;
      case v1::Backend::kPkcs11:
        if (backend.pkcs11().module().empty() && backend.pkcs11().helper_socket().empty()) {
          at.Wrong("pkcs11", "needs a module: the path of a PKCS#11 library, or a pkcs11: URI");
        }
        CheckPkcs11(at.Nested("pkcs11", backend.pkcs11()), backend.pkcs11());
        if (!tokens.insert(TokenKey(backend.pkcs11())).second) {
          at.Wrong("pkcs11", "another backend has this token");
        }
        break;
      case v1::Backend::KIND_NOT_SET:
        place.Wrong("backend", "needs one of software {}, tpm2 {} and pkcs11 {}", i);
        break;
    }
  }
}

void CheckWord(const Place& place, const char* field, const std::string& word,
               const std::vector<std::string>& allowed) {
  if (word.empty() || std::find(allowed.begin(), allowed.end(), word) != allowed.end()) return;
  place.Wrong(field, absl::StrCat("must be one of ", absl::StrJoin(allowed, ", ")));
}

void CheckLimits(const Place& place, const v1::Limits& limits) {
  const auto* reflection = limits.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(limits, &fields);
  for (const FieldDescriptor* field : fields) {
    if (reflection->GetUInt32(limits, field) > kMaxLimit) {
      place.Wrong(field->name().c_str(), absl::StrCat("must be at most ", kMaxLimit));
    }
  }
}

bool IsKeyPattern(const std::string& pattern) {
  return !pattern.empty() && pattern.size() <= kMaxKeyPattern &&
         std::all_of(pattern.begin(), pattern.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-' || c == '*';
         });
}

void CheckListFiles(const Place& place, const v1::Config& config) {
  if (config.revocation_list_file_size() > kMaxListFiles) {
    place.Wrong("revocation_list_file", absl::StrCat("at most ", kMaxListFiles, " files"), kMaxListFiles);
  }
  std::set<std::string> paths;
  for (int i = 0; i < config.revocation_list_file_size(); ++i) {
    const v1::RevocationListFile& file = config.revocation_list_file(i);
    const Place at = place.Nested("revocation_list_file", file, i);
    if (file.path().empty()) {
      place.Wrong("revocation_list_file", "needs a path", i);
      continue;
    }
    CheckPath(at, "path", file.path());
    if (!paths.insert(file.path()).second) at.Wrong("path", absl::StrCat(file.path(), " is named twice"));
    if (file.key_size() > kMaxPatterns) at.Wrong("key", absl::StrCat("at most ", kMaxPatterns, " patterns"));
    for (int j = 0; j < file.key_size(); ++j) {
      if (!IsKeyPattern(file.key(j))) {
        at.Wrong("key", absl::StrCat("must be 1 to ", kMaxKeyPattern, " characters of [A-Za-z0-9._-] and *"), j);
      }
    }
  }
}

void CheckMeaning(const Place& place, const v1::Config& config) {
  CheckSocket(place, "socket", config.socket());
  CheckSocket(place, "admin_socket", config.admin_socket());
  CheckPath(place, "state_directory", config.state_directory());
  CheckPath(place, "runtime_directory", config.runtime_directory());
  CheckPath(place, "policy_file", config.policy_file());
  CheckMode(place, "socket_mode", config.socket_mode());
  CheckMode(place, "admin_socket_mode", config.admin_socket_mode());
  CheckBackends(place, config);
  CheckListFiles(place, config);
  const Place log = place.Nested("log", config.log());
  CheckWord(log, "level", config.log().level(), {"debug", "info", "warning", "error"});
  CheckWord(log, "target", config.log().target(), {"auto", "journal", "stderr"});
  CheckLimits(place.Nested("limits", config.limits()), config.limits());
}

// systemd.exec(5): several folders are separated by colons.
std::string DirectoryFromEnvironment(const char* variable, const char* otherwise) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value != '/') return otherwise;
  const std::string all = value;
  return all.substr(0, all.find(':'));
}

void Default(std::string* field, const std::string& value) {
  if (field->empty()) *field = value;
}

void FillDefaults(v1::Config& config) {
  Default(config.mutable_socket(), "/run/ddskeyd/ddskeyd.sock");
  Default(config.mutable_admin_socket(), "/run/ddskeyd/admin.sock");
  Default(config.mutable_state_directory(), DirectoryFromEnvironment("STATE_DIRECTORY", "/var/lib/ddskeyd"));
  Default(config.mutable_runtime_directory(), DirectoryFromEnvironment("RUNTIME_DIRECTORY", "/run/ddskeyd"));
  Default(config.mutable_policy_file(), "/etc/ddskeyd/policy.textproto");
  Default(config.mutable_socket_mode(), "0666");
  Default(config.mutable_admin_socket_mode(), "0600");
  Default(config.mutable_log()->mutable_level(), "info");
  Default(config.mutable_log()->mutable_target(), "auto");
  if (config.clock().unset() == v1::Clock::UNSET_UNSPECIFIED) config.mutable_clock()->set_unset(v1::Clock::REFUSE);
  if (config.backend_size() == 0) {
    v1::Backend* backend = config.add_backend();
    backend->set_name("software");
    backend->mutable_software();
  }
  for (v1::Backend& backend : *config.mutable_backend()) {
    if (backend.has_software()) {
      Default(backend.mutable_software()->mutable_secret_file(),
              absl::StrCat(config.state_directory(), "/software.secret"));
    } else if (backend.has_pkcs11()) {
      v1::Pkcs11Backend& token = *backend.mutable_pkcs11();
      if (token.call_timeout_ms() == 0) token.set_call_timeout_ms(kDefaultCallTimeout);
      if (!token.helper_socket().empty()) continue;
      if (token.sessions() == 0) token.set_sessions(kMaxSessions);
      Default(token.mutable_helper(), kDefaultHelper);
    } else {
      Default(backend.mutable_tpm2()->mutable_tcti(), kDefaultTcti);
    }
  }
}

}  // namespace

absl::StatusOr<v1::Config> ParseConfig(const std::string& text, const std::string& file_name) {
  v1::Config config;
  Mistakes mistakes(file_name);
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistakes);
  parser.WriteLocationsTo(&tree);
  // To find the next unknown field as well; each is an error.
  parser.AllowUnknownField(true);
  const bool parsed = parser.ParseFromString(text, &config);
  RETURN_IF_ERROR(mistakes.ToStatus());
  if (!parsed) return absl::InvalidArgumentError(absl::StrCat(file_name, ":1:1: cannot be parsed"));

  CheckMeaning(Place(mistakes, config, &tree), config);
  RETURN_IF_ERROR(mistakes.ToStatus());
  FillDefaults(config);
  if (config.socket() == config.admin_socket()) {
    Place(mistakes, config, &tree).Wrong("socket", "must not be the same as admin_socket");
  }
  RETURN_IF_ERROR(mistakes.ToStatus());
  return config;
}

absl::StatusOr<v1::Config> LoadConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadTrustedFile(path));
  return ParseConfig(text, path);
}

v1::Config DefaultConfig() {
  v1::Config config;
  FillDefaults(config);
  return config;
}

mode_t SocketMode(const std::string& octal) { return static_cast<mode_t>(std::strtoul(octal.c_str(), nullptr, 8)); }

}  // namespace ddskey
