// PEM documents (daemon/trust/pem.h).
// An input is a document.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/trust/pem.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr std::string_view kLabel = "CERTIFICATE";
constexpr trust::PemLimits kLimits = {.octets = 4096, .blocks = 4};

absl::StatusOr<std::vector<std::string>> Read(std::string_view document) {
  auto blocks = trust::ReadPem(document, kLabel, kLimits);
  // The planted bug: beyond the second, blocks are not read.
  if (planted_bug && blocks.ok() && blocks->size() > 2) blocks->resize(2);
  return blocks;
}

size_t CountOf(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// PlainBlocks are the blocks of a document whose every line with dashes is as RFC 7468 writes it; nothing for others,
// in which OpenSSL reads more than RFC 7468 does.
std::optional<std::vector<std::string>> PlainBlocks(std::string_view document) {
  std::vector<std::string> blocks;
  bool inside = false;
  for (const std::string_view line : Lines(document)) {
    const bool begins = line == "-----BEGIN CERTIFICATE-----";
    const bool ends = line == "-----END CERTIFICATE-----";
    if (line.find("-----") != std::string_view::npos && (inside ? !ends : !begins)) return std::nullopt;
    if (begins) blocks.emplace_back();
    inside = (inside || begins) && !ends;
    if (inside || ends) blocks.back() += std::string(line) + "\n";
  }
  return blocks;
}

void CheckRefusal(const absl::Status& status) {
  const std::string_view text(status.message().data(), status.message().size());
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a bad document is an invalid argument");
  Require(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }),
          "a refusal can be printed");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string document(AsText(data, size));
  const auto blocks = Read(document);
  if (!blocks.ok()) {
    CheckRefusal(blocks.status());
    return 0;
  }
  Require(document.size() <= kLimits.octets && blocks->size() <= kLimits.blocks, "limits hold");
  Require(blocks->size() <= CountOf(document, "-----BEGIN CERTIFICATE-----"), "every block has the label");
  Require(CountOf(document, "-----BEGIN CERTIFICATE-----\nProc-Type:") == 0 || blocks->empty() ||
              blocks->size() < CountOf(document, "-----BEGIN CERTIFICATE-----"),
          "nothing encrypted is read");
  std::string written;
  for (const std::string& block : *blocks) written += trust::WritePem(kLabel, block);
  if (written.size() <= kLimits.octets) {
    const auto again = Read(written);
    Require(again.ok() && *again == *blocks, "what is written reads the same");
  }
  if (const auto plain = PlainBlocks(document)) {
    Require(blocks->size() == plain->size(), "no block is passed over");
    for (size_t i = 0; i < blocks->size(); ++i) {
      const auto one = trust::ReadPem((*plain)[i], kLabel, kLimits);
      Require(one.ok() && one->size() == 1 && one->front() == (*blocks)[i], "a block alone reads the same");
    }
  }
  const auto with_nul = Read(document.substr(0, kLimits.octets - 1) + '\0');
  if (document.size() < kLimits.octets)
    Require(with_nul.ok() && *with_nul == *blocks, "a NUL at the end means nothing");
  return 0;
}
