#include "daemon/backend/tpm2/tcti_name.h"

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ddskey::tpm {
namespace {

constexpr std::array<std::string_view, 4> kAllowed = {"device", "tabrmd", "swtpm", "mssim"};
constexpr size_t kLongest = 256;

}  // namespace

absl::StatusOr<std::string> LoaderString(std::string_view tcti) {
  const std::string_view name = tcti.substr(0, tcti.find(':'));
  if (std::find(kAllowed.begin(), kAllowed.end(), name) == kAllowed.end()) {
    return absl::InvalidArgumentError(
        "a TCTI is one of \"device\", \"tabrmd\", \"swtpm\" and \"mssim\", with its configuration after a colon");
  }
  const auto is_control = [](unsigned char octet) { return octet < 0x20 || octet == 0x7f; };
  if (tcti.size() > kLongest || std::any_of(tcti.begin(), tcti.end(), is_control)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a TCTI has at most ", kLongest, " characters, and no control characters"));
  }
  return absl::StrCat("libtss2-tcti-", std::string(name), ".so.0", std::string(tcti.substr(name.size())));
}

}  // namespace ddskey::tpm
