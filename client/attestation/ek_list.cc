#include "client/attestation/ek_list.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ddskey::attestation {
namespace {

constexpr size_t kDigits = 64;

}  // namespace

absl::StatusOr<EkList> EkList::Parse(std::string_view text) {
  EkList list;
  size_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::string digest = absl::AsciiStrToLower(line.substr(0, kDigits));
    const absl::string_view subject = absl::StripAsciiWhitespace(line.substr(std::min(kDigits, line.size())));
    const bool separate = line.size() > kDigits && absl::ascii_isspace(static_cast<unsigned char>(line[kDigits]));
    if (!separate || subject.empty() ||
        !std::ranges::all_of(digest, [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); })) {
      return absl::InvalidArgumentError(absl::StrCat(
          "line ", number, " of the list of endorsement keys is no SHA-256 in hexadecimal with a subject behind it"));
    }
    list.entries_.emplace(absl::HexStringToBytes(digest), std::string(subject));
  }
  return list;
}

absl::Status EkList::Check(std::string_view ek_sha256, std::string_view subject) const {
  if (entries_.contains({std::string(ek_sha256), std::string(subject)})) return absl::OkStatus();
  const bool known = std::ranges::any_of(entries_, [&](const auto& entry) { return entry.first == ek_sha256; });
  return absl::FailedPreconditionError(absl::StrCat(
      "the endorsement key is not listed for ", std::string(subject), known ? ", only for other subjects" : "",
      "; the line for it would be: ", absl::BytesToHexString(absl::string_view(ek_sha256.data(), ek_sha256.size())),
      " ", std::string(subject)));
}

}  // namespace ddskey::attestation
