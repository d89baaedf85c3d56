#include "daemon/backend/bound_blob.h"

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "proto/contract/pcr_policy.h"

namespace ddskey {
namespace {

constexpr std::string_view kMagic = "DKP1";
constexpr size_t kLargest = size_t{64} * 1024;
constexpr size_t kLargestPart = 1024;
constexpr uint8_t kPcrIndexes = 24;

absl::Status Damaged() { return absl::DataLossError("what the stored key is bound to is damaged"); }

void AppendValues(const PcrValues& values, std::string& out) {
  for (const auto& [pcr, value] : values) out += value;
}

void AppendPart(std::string_view part, std::string& out) {
  out.push_back(static_cast<char>(part.size() >> 8));
  out.push_back(static_cast<char>(part.size()));
  out += part;
}

// Reader takes pieces from the front of octets; after one that is not there it is not good any more.
class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) {}

  std::string_view Take(size_t size) {
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    const std::string_view piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }
  uint8_t TakeOctet() {
    const std::string_view piece = Take(1);
    return piece.empty() ? 0 : static_cast<uint8_t>(piece[0]);
  }
  uint16_t TakeNumber() {
    const uint8_t high = TakeOctet();
    return static_cast<uint16_t>(high << 8 | TakeOctet());
  }
  std::string TakePart() {
    const uint16_t size = TakeNumber();
    if (size > kLargestPart) good_ = false;
    return std::string(Take(size));
  }
  PcrValues TakeValues(const PcrSelection& selection) {
    PcrValues values;
    for (const PcrRegister& pcr : selection) values[pcr] = Take(BankSize(pcr.bank));
    return values;
  }
  bool good() const { return good_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string FormatBinding(const PcrBinding& binding) {
  std::string out(kMagic);
  out.push_back(static_cast<char>(binding.values.size()));
  for (const auto& [pcr, value] : binding.values) {
    const auto bank = static_cast<uint16_t>(pcr.bank);
    out.push_back(static_cast<char>(bank >> 8));
    out.push_back(static_cast<char>(bank));
    out.push_back(static_cast<char>(pcr.index));
  }
  AppendValues(binding.values, out);
  AppendPart(binding.label, out);
  AppendPart(binding.authority, out);
  out.push_back(static_cast<char>(binding.approvals.size()));
  for (const PcrApproval& approval : binding.approvals) {
    AppendValues(approval.values, out);
    AppendPart(approval.signature, out);
  }
  return out;
}

absl::StatusOr<std::optional<PcrBinding>> TakeBinding(std::string_view& octets) {
  if (!octets.starts_with(kMagic)) return std::nullopt;
  if (octets.size() > kLargest) return Damaged();
  Reader reader(octets.substr(kMagic.size()));
  const uint8_t count = reader.TakeOctet();
  PcrSelection selection;
  for (uint8_t i = 0; i < count; ++i) {
    const auto bank = static_cast<PcrBank>(reader.TakeNumber());
    const uint8_t index = reader.TakeOctet();
    if (BankSize(bank) == 0 || index >= kPcrIndexes) return Damaged();
    selection.insert({bank, index});
  }
  if (!reader.good() || selection.empty() || selection.size() > kMostPcrs) return Damaged();
  PcrBinding binding;
  binding.values = reader.TakeValues(selection);
  binding.label = reader.TakePart();
  binding.authority = reader.TakePart();
  const uint8_t approvals = reader.TakeOctet();
  if (approvals >= kMostPcrValues) return Damaged();
  for (uint8_t i = 0; i < approvals; ++i) {
    PcrApproval& approval = binding.approvals.emplace_back();
    approval.label = binding.label;
    approval.values = reader.TakeValues(selection);
    approval.signature = reader.TakePart();
  }
  // There is one way to write a binding: registers in order, each once.
  if (!reader.good() || !octets.starts_with(FormatBinding(binding))) return Damaged();
  octets = reader.rest();
  return binding;
}

std::optional<PcrBinding> BindingOf(std::string_view blob) {
  auto binding = TakeBinding(blob);
  return binding.ok() ? *std::move(binding) : std::nullopt;
}

}  // namespace ddskey
