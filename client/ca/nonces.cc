#include "client/ca/nonces.h"

#include <openssl/rand.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/ca/openssl.h"
#include "proto/contract/attestation_binding.h"

namespace ddskey::ca {
namespace {

// A clock that was set back by that much makes no nonce one of the future.
constexpr absl::Duration kSkew = absl::Minutes(5);
constexpr char kTime[] = "%Y-%m-%dT%H:%M:%SZ";
constexpr char kUsed[] = "used";

}  // namespace

absl::StatusOr<Nonces> Nonces::Parse(std::string_view text) {
  Nonces nonces;
  size_t number = 0;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n', absl::SkipEmpty())) {
    ++number;
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    Entry entry;
    const bool sized = fields[0].size() == 2 * kAttestationNonce && std::ranges::all_of(fields[0], [](char c) {
                         return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                       });
    if (!sized || fields.size() < 2 || fields.size() > 3 ||
        !absl::ParseTime(kTime, fields[1], &entry.issued, nullptr) || (fields.size() == 3 && fields[2] != kUsed)) {
      return absl::DataLossError(absl::StrCat("line ", number, " of the CA's nonces is damaged"));
    }
    entry.nonce = absl::HexStringToBytes(fields[0]);
    entry.used = fields.size() == 3;
    nonces.entries_.push_back(std::move(entry));
  }
  return nonces;
}

std::string Nonces::Format() const {
  std::string text;
  for (const Entry& entry : entries_) {
    absl::StrAppend(&text, absl::BytesToHexString(entry.nonce), "\t",
                    absl::FormatTime(kTime, entry.issued, absl::UTCTimeZone()), entry.used ? "\t" : "",
                    entry.used ? kUsed : "", "\n");
  }
  return text;
}

absl::StatusOr<std::string> Nonces::Issue(absl::Time now) {
  std::erase_if(entries_, [&](const Entry& entry) { return now - entry.issued > kKept; });
  std::string nonce(kAttestationNonce, '\0');
  if (RAND_bytes_ex(Library(), reinterpret_cast<unsigned char*>(nonce.data()), nonce.size(), 0) != 1) {
    return OpensslError("make a nonce");
  }
  entries_.push_back({nonce, now, false});
  return nonce;
}

absl::Status Nonces::Check(std::string_view nonce, absl::Time now) const {
  const auto found = std::ranges::find(entries_, nonce, &Entry::nonce);
  if (found == entries_.end()) {
    return absl::FailedPreconditionError("this CA did not issue the nonce, or longer than a day ago");
  }
  if (found->used) return absl::FailedPreconditionError("the nonce was used already: a nonce is good once");
  if (now - found->issued > kGood || found->issued - now > kSkew) {
    return absl::FailedPreconditionError("the nonce is older than an hour: issue another one");
  }
  return absl::OkStatus();
}

absl::Status Nonces::Use(std::string_view nonce, absl::Time now) {
  const absl::Status good = Check(nonce, now);
  if (good.ok()) std::ranges::find(entries_, nonce, &Entry::nonce)->used = true;
  return good;
}

}  // namespace ddskey::ca
