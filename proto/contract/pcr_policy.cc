#include "proto/contract/pcr_policy.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/contract/key_name.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::array<PcrBank, 4> kBanks = {PcrBank::kSha1, PcrBank::kSha256, PcrBank::kSha384, PcrBank::kSha512};
constexpr uint8_t kRegisters = 24;
// TPMS_PCR_SELECTION of a PC: 24 registers, a bit each.
constexpr uint8_t kSelectOctets = 3;
// TPM2_CC_PolicyPCR.
constexpr uint32_t kPolicyPcr = 0x0000017f;
constexpr std::string_view kRefLabel = "ddskey/tpm2/pcr-approval/1/";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::string BigEndian(uint32_t number, int octets) {
  std::string result;
  for (int i = octets - 1; i >= 0; --i) result.push_back(static_cast<char>(number >> (8 * i)));
  return result;
}

std::string Sha256(std::string_view octets) {
  std::string digest(32, '\0');
  // A plain digest of OpenSSL's default provider fails for lack of memory only; a wrong digest binds to nothing.
  if (EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    abort();
  }
  return digest;
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("registers are written as sha256:0,2,7 or sha1:0+sha256:0,7: ", View(what)));
}

absl::StatusOr<uint8_t> ParseIndex(absl::string_view text) {
  unsigned index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index >= kRegisters) {
    return Wrong("a register is a number from 0 to 23");
  }
  // TCG PC Client Platform TPM Profile, 4.6: reset at locality 0.
  if (index == 16 || index == 23) return Wrong("PCR 16 and PCR 23 can be set back by any program, and protect nothing");
  return static_cast<uint8_t>(index);
}

}  // namespace

std::string_view BankName(PcrBank bank) {
  switch (bank) {
    case PcrBank::kSha1:
      return "sha1";
    case PcrBank::kSha256:
      return "sha256";
    case PcrBank::kSha384:
      return "sha384";
    case PcrBank::kSha512:
      return "sha512";
  }
  return "unknown";
}

size_t BankSize(PcrBank bank) {
  switch (bank) {
    case PcrBank::kSha1:
      return 20;
    case PcrBank::kSha256:
      return 32;
    case PcrBank::kSha384:
      return 48;
    case PcrBank::kSha512:
      return 64;
  }
  return 0;
}

std::string Name(const PcrRegister& pcr) {
  return absl::StrCat("PCR ", static_cast<int>(pcr.index), " (", View(BankName(pcr.bank)), ")");
}

absl::StatusOr<PcrBank> ParseBank(std::string_view name) {
  const auto bank = std::ranges::find(kBanks, name, &BankName);
  if (bank == kBanks.end()) return Wrong("a bank is sha1, sha256, sha384 or sha512");
  return *bank;
}

absl::StatusOr<PcrSelection> ParsePcrSelection(std::string_view text) {
  PcrSelection selection;
  for (const absl::string_view part : absl::StrSplit(View(text), '+')) {
    const size_t colon = part.find(':');
    if (colon == absl::string_view::npos) return Wrong("a bank is followed by a colon and its registers");
    ASSIGN_OR_RETURN(const PcrBank bank, ParseBank(std::string_view(part.data(), colon)));
    for (const absl::string_view number : absl::StrSplit(part.substr(colon + 1), ',')) {
      ASSIGN_OR_RETURN(const uint8_t index, ParseIndex(number));
      if (!selection.insert({bank, index}).second) return Wrong("a register is there twice");
    }
  }
  if (selection.size() > kMostPcrs) return Wrong("there are more than 24 registers");
  return selection;
}

std::string FormatPcrs(const PcrSelection& selection) {
  std::string text;
  std::optional<PcrBank> bank;
  for (const PcrRegister& pcr : selection) {
    if (bank != pcr.bank) {
      absl::StrAppend(&text, bank.has_value() ? "+" : "", View(BankName(pcr.bank)), ":");
    } else {
      text += ',';
    }
    absl::StrAppend(&text, static_cast<int>(pcr.index));
    bank = pcr.bank;
  }
  return text;
}

PcrSelection SelectionOf(const PcrValues& values) {
  PcrSelection selection;
  for (const auto& [pcr, value] : values) selection.insert(pcr);
  return selection;
}

absl::StatusOr<PcrValues> ParsePcrValues(std::string_view text, const PcrSelection& selection) {
  PcrValues values;
  std::optional<PcrBank> bank;
  for (const absl::string_view raw : absl::StrSplit(View(text), '\n')) {
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    const absl::string_view key = absl::StripAsciiWhitespace(line.substr(0, colon));
    absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
    if (value.empty()) {
      const auto named = std::ranges::find(kBanks, std::string_view(key.data(), key.size()), &BankName);
      bank = named == kBanks.end() ? std::nullopt : std::optional(*named);
      continue;
    }
    unsigned index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (!bank.has_value() || error != std::errc() || end != key.data() + key.size() || index >= kRegisters) continue;
    const PcrRegister pcr{*bank, static_cast<uint8_t>(index)};
    if (!selection.contains(pcr)) continue;
    if (value.size() != 2 + 2 * BankSize(*bank) || !absl::StartsWithIgnoreCase(value, "0x") ||
        !std::all_of(value.begin() + 2, value.end(), absl::ascii_isxdigit)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the value of ", Name(pcr), " is not 0x and ", 2 * BankSize(*bank), " digits in hexadecimal"));
    }
    value.remove_prefix(2);
    if (!values.emplace(pcr, absl::HexStringToBytes(value)).second) {
      return absl::InvalidArgumentError(absl::StrCat(Name(pcr), " is there twice"));
    }
  }
  for (const PcrRegister& pcr : selection) {
    if (values.contains(pcr)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no value of ", Name(pcr), "; make the file with: tpm2_pcrread ", FormatPcrs(selection)));
  }
  return values;
}

bool IsPcrLabel(std::string_view label) { return KeyName::Parse(label).has_value(); }

std::string PcrDigest(const PcrValues& values) {
  std::string octets;
  for (const auto& [pcr, value] : values) octets += value;
  return Sha256(octets);
}

std::string MarshalledPcrs(const PcrSelection& selection) {
  std::map<PcrBank, uint32_t> masks;
  for (const PcrRegister& pcr : selection) masks[pcr.bank] |= 1U << pcr.index;
  std::string octets = BigEndian(static_cast<uint32_t>(masks.size()), 4);
  for (const auto& [bank, mask] : masks) {
    octets += BigEndian(static_cast<uint16_t>(bank), 2);
    octets.push_back(static_cast<char>(kSelectOctets));
    for (int i = 0; i < kSelectOctets; ++i) octets.push_back(static_cast<char>(mask >> (8 * i)));
  }
  return octets;
}

std::string PcrPolicyDigest(const PcrValues& values) {
  return Sha256(std::string(32, '\0') + BigEndian(kPolicyPcr, 4) + MarshalledPcrs(SelectionOf(values)) +
                PcrDigest(values));
}

std::string PcrPolicyRef(std::string_view label) { return Sha256(std::string(kRefLabel).append(label)); }

std::string ToBeApproved(const PcrValues& values, std::string_view label) {
  return PcrPolicyDigest(values) + PcrPolicyRef(label);
}

}  // namespace ddskey
