// The properties of a participant, as the plugin reads them (plugin_shim/cyclonedds/participant_qos.h).
// An input is lines `name=value`. Files are looked for in a folder of ours only, which has key.pem (a reference),
// plain.pem (a private key), certificate.pem and the folder cas.

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin_shim/cyclonedds/participant_qos.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/support/temp_dir.h"

namespace ddskey::fuzz {
namespace {

constexpr std::string_view kSecret = "TUlJRXNlY3JldA";
constexpr std::string_view kPrivateKey = "dds.sec.auth.private_key";

using Properties = std::vector<std::pair<std::string, std::string>>;

// Folder is the current folder of this program.
class Folder {
 public:
  static void Enter() { static Folder folder; }

 private:
  Folder() {
    dir_.Write("key.pem", "ddskey:talker\n");
    dir_.Write("plain.pem", "-----BEGIN PRIVATE KEY-----\n" + std::string(kSecret) + "\n-----END PRIVATE KEY-----\n");
    dir_.Write("certificate.pem", "certificate");
    std::filesystem::create_directory(dir_.File("cas"));
    dir_.Write("cas/one.pem", "one");
    dir_.Write("cas/two.pem", std::string(40'000, '2'));
    Require(chdir(dir_.path().c_str()) == 0, "setup");
    path_ = dir_.path();
    before_find = [] { std::filesystem::remove_all(path_); };
  }

  test::TempDir dir_;
  inline static std::filesystem::path path_;
};

// Harmless keeps `value` from naming anything outside of the folder.
std::string Harmless(std::string value) {
  std::replace(value.begin(), value.end(), '/', '_');
  for (size_t at = value.find(".."); at != std::string::npos; at = value.find("..")) value.replace(at, 2, "__");
  // C strings, as a DDS core gives them.
  return value.substr(0, value.find('\0'));
}

Properties ReadProperties(std::string_view input) {
  Properties properties;
  for (const std::string_view line : Lines(input)) {
    auto [name, value] = Field(line);
    if (name.starts_with("file:") || value.find("file:") != std::string::npos || name.ends_with("_dir")) {
      value = Harmless(value);
    }
    properties.emplace_back(name.substr(0, name.find('\0')), value.substr(0, value.find('\0')));
  }
  return properties;
}

std::optional<v1::ValidateLocalIdentityRequest> Read(Properties properties, std::string* error) {
  std::vector<DDS_Security_Property_t> entries;
  for (auto& [name, value] : properties) {
    // The planted bug: a document that begins with a reference is one (S-13).
    if (planted_bug && name == kPrivateKey) value = value.substr(0, value.find('\n'));
    entries.push_back({name.data(), value.data(), false});
  }
  DDS_Security_Qos qos = {};
  qos.property.value._length = static_cast<uint32_t>(entries.size());
  qos.property.value._maximum = qos.property.value._length;
  qos.property.value._buffer = entries.data();
  return cyclonedds::ReadIdentity(qos, error);
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  while (!text.empty() && kSpace.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  while (!text.empty() && kSpace.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  return text;
}

bool IsName(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || c == '.' || c == '_' || c == '-'; });
}

const std::string* Find(const Properties& properties, std::string_view name) {
  for (const auto& [key, value] : properties) {
    if (key == name) return &value;
  }
  return nullptr;
}

// NamesSecret says whether a property gives the secret for a path, which refusals name. For the private key itself that
// is refused before, if it can be known.
bool NamesSecret(const Properties& properties) {
  return std::any_of(properties.begin(), properties.end(), [](const auto& property) {
    const auto& [name, value] = property;
    const bool is_known = name == kPrivateKey && value.find("PRIVATE KEY-----") != std::string::npos;
    return value.find(kSecret) != std::string::npos && (value.starts_with("file:") || name.ends_with("_dir")) &&
           !is_known;
  });
}

void CheckRequest(const Properties& properties, const v1::ValidateLocalIdentityRequest& request) {
  Require(IsName(request.key_name()), "S-13: a key has a name of a key");
  const std::string* const property = Find(properties, kPrivateKey);
  Require(property != nullptr, "without the property there is no identity");
  std::string_view document = *property;
  if (document.starts_with("data:,")) document.remove_prefix(6);
  const bool is_file = document.starts_with("file:");
  Require(is_file || Trimmed(document) == "ddskey:" + request.key_name(), "S-13: a reference is all of its document");
  Require(!request.identity_certificate().empty() && request.identity_certificate().size() <= 16 * 1024,
          "there is a certificate of at most 16 KiB");
  size_t trust = 0;
  for (const std::string& document_of_trust : request.identity_ca()) trust += document_of_trust.size();
  for (const std::string& list : request.revocation_list()) trust += list.size();
  Require(trust <= 64 * 1024, "trust documents have at most 64 KiB together");
  Require(request.SerializeAsString().find(kSecret) == std::string::npos || !is_file,
          "no private key goes to the daemon");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  Folder::Enter();
  const Properties properties = ReadProperties(AsText(data, size));
  std::string error;
  const auto request = Read(properties, &error);
  if (request.has_value()) {
    CheckRequest(properties, *request);
    return 0;
  }
  Require(!error.empty(), "a refusal says why");
  Require(error.find(kSecret) == std::string::npos || NamesSecret(properties),
          "a refusal tells nothing of a private key");
  return 0;
}
