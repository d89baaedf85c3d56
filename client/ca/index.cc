#include "client/ca/index.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/ca/openssl.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

constexpr size_t kFields = 6;

// TimeText is a date as X.509 writes it: two digits of the year up to 2049.
std::string TimeText(absl::Time time) {
  const OpensslPtr<ASN1_TIME> made = MakeTime(time);
  if (made == nullptr) return "";
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(made.get())),
          static_cast<size_t>(ASN1_STRING_length(made.get()))};
}

absl::StatusOr<absl::Time> ParseTime(const std::string& text) {
  const OpensslPtr<ASN1_TIME> time(ASN1_TIME_new());
  if (ASN1_TIME_set_string_X509(time.get(), text.c_str()) != 1) return absl::InvalidArgumentError("no date");
  return ReadTime(time.get());
}

std::string CanonicalSerial(std::string_view serial) {
  std::string digits;
  for (const char c : serial) {
    if (c != ':') digits.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

bool IsReason(std::string_view reason) {
  return reason.empty() || std::ranges::find(kReasons, reason) != std::end(kReasons);
}

absl::StatusOr<Issued> ParseLine(const std::string& line) {
  const absl::Status wrong = absl::InvalidArgumentError("");
  const std::vector<std::string> fields = absl::StrSplit(line, '\t');
  if (fields.size() != kFields) return wrong;
  Issued issued;
  // "E", expired, is written by `openssl ca -updatedb`.
  if (fields[0] != "V" && fields[0] != "E" && fields[0] != "R") return wrong;
  ASSIGN_OR_RETURN(issued.not_after, ParseTime(fields[1]));
  if ((fields[0] == "R") == fields[2].empty()) return wrong;
  if (!fields[2].empty()) {
    const std::pair<std::string, std::string> revocation = absl::StrSplit(fields[2], absl::MaxSplits(',', 1));
    ASSIGN_OR_RETURN(issued.revoked, ParseTime(revocation.first));
    issued.reason = revocation.second;
  }
  issued.serial = fields[3];
  const bool is_hex = std::ranges::all_of(issued.serial, [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!is_hex || CanonicalSerial(issued.serial).empty() || !IsReason(issued.reason)) return wrong;
  issued.subject = fields[5];
  return issued;
}

}  // namespace

absl::StatusOr<Index> Index::Parse(std::string_view text) {
  Index index;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    if (line.empty()) continue;
    absl::StatusOr<Issued> issued = ParseLine(std::string(line));
    if (!issued.ok() || !index.Add(*std::move(issued)).ok()) {
      return absl::DataLossError(absl::StrCat("line ", number, " of the CA's index.txt is damaged"));
    }
  }
  return index;
}

std::string Index::Format() const {
  std::string text;
  for (const Issued& issued : entries_) {
    std::string revocation;
    if (issued.revoked.has_value()) {
      revocation = TimeText(*issued.revoked);
      if (!issued.reason.empty()) absl::StrAppend(&revocation, ",", issued.reason);
    }
    absl::StrAppend(&text, revocation.empty() ? "V" : "R", "\t", TimeText(issued.not_after), "\t", revocation, "\t",
                    issued.serial, "\tunknown\t", issued.subject, "\n");
  }
  return text;
}

const Issued* Index::Find(std::string_view serial) const {
  const auto found = by_serial_.find(CanonicalSerial(serial));
  return found == by_serial_.end() ? nullptr : &entries_[found->second];
}

absl::Status Index::Add(Issued issued) {
  if (!by_serial_.emplace(CanonicalSerial(issued.serial), entries_.size()).second) {
    return absl::AlreadyExistsError("this serial number was issued before");
  }
  entries_.push_back(std::move(issued));
  return absl::OkStatus();
}

absl::Status Index::Revoke(std::string_view serial, absl::Time when, std::string_view reason) {
  const auto found = by_serial_.find(CanonicalSerial(serial));
  if (found == by_serial_.end()) {
    return absl::NotFoundError("this CA has issued no certificate of that serial number");
  }
  Issued& issued = entries_[found->second];
  if (issued.revoked.has_value()) return absl::FailedPreconditionError("the certificate was revoked before");
  issued.revoked = when;
  issued.reason = reason;
  return absl::OkStatus();
}

}  // namespace ddskey::ca
