#include "proto/contract/attestation_binding.h"

#include <cstdint>
#include <string_view>

namespace ddskey {
namespace {

constexpr std::string_view kLabel = "ddskey-attest-v1";
constexpr size_t kAlignment = 4;

// AppendSized adds a CDR string or sequence of octets: both are a count and what they hold.
void AppendSized(std::string_view octets, std::string& cdr) {
  cdr.append((kAlignment - cdr.size() % kAlignment) % kAlignment, '\0');
  const auto size = static_cast<uint32_t>(octets.size());
  for (const int shift : {24, 16, 8, 0}) cdr.push_back(static_cast<char>(size >> shift));
  cdr.append(octets);
}

}  // namespace

std::string BindingOctets(const AttestationBinding& binding) {
  std::string cdr;
  AppendSized(binding.nonce, cdr);
  // A string ends with a NUL, which its count includes.
  AppendSized(binding.identity + '\0', cdr);
  AppendSized(binding.csr_sha256, cdr);
  AppendSized(binding.ek_sha256, cdr);
  AppendSized(binding.ak_name, cdr);
  return std::string(kLabel) + cdr;
}

}  // namespace ddskey
