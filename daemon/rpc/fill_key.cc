#include "daemon/rpc/fill_key.h"

#include <string>

#include "absl/strings/escaping.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/pcr_policy.h"

namespace ddskey {
namespace {

std::string PublicKeyPem(const std::string& der) {
  const std::string base64 = absl::Base64Escape(der);
  std::string pem = "-----BEGIN PUBLIC KEY-----\n";
  for (size_t at = 0; at < base64.size(); at += 64) pem += base64.substr(at, 64) + "\n";
  return pem + "-----END PUBLIC KEY-----\n";
}

void FillBinding(const GenerationDescription& described, v1::PcrBinding& out) {
  const PcrBinding& binding = *described.binding;
  out.set_pcrs(FormatPcrs(SelectionOf(binding.values)));
  out.set_authority_sha256(absl::BytesToHexString(described.authority_digest));
  out.set_label(binding.label);
  out.set_problem(described.problem);
  const auto add = [&](const PcrValues& values) {
    v1::ApprovedPcrs& set = *out.add_allowed();
    for (const auto& [pcr, value] : values) {
      v1::ApprovedPcr& one = *set.add_value();
      one.set_bank(std::string(BankName(pcr.bank)));
      one.set_index(pcr.index);
      one.set_value(absl::BytesToHexString(value));
    }
  };
  add(binding.values);
  for (const PcrApproval& approval : binding.approvals) add(approval.values);
}

void FillGeneration(const GenerationDescription& described, v1::KeyGeneration& out) {
  const KeyGeneration& generation = *described.generation;
  out.set_number(generation.number);
  out.set_state(StateName(generation.state));
  out.set_algorithm(std::string(AlgorithmName(generation.algorithm)));
  out.set_backend(described.backend);
  out.set_backend_problem(described.backend_problem);
  out.set_public_key_sha256(absl::BytesToHexString(described.public_key_digest));
  out.set_public_key_pem(PublicKeyPem(generation.public_key));
  out.set_created(absl::ToUnixSeconds(generation.created));
  if (generation.state == GenerationState::kOld) out.set_replaced(absl::ToUnixSeconds(generation.replaced));
  out.set_imported(generation.imported);
  out.set_left_custody(generation.left_custody);
  if (!described.chain.empty()) FillSummary(described.chain.front(), *out.mutable_certificate());
  out.set_participants(static_cast<uint32_t>(described.participants));
  if (described.binding.has_value()) FillBinding(described, *out.mutable_pcr_binding());
}

}  // namespace

std::string StateName(GenerationState state) {
  switch (state) {
    case GenerationState::kNext:
      return "next";
    case GenerationState::kCurrent:
      return "current";
    case GenerationState::kOld:
      return "old";
  }
  return "unknown";
}

void FillSummary(const Certificate& leaf, v1::Certificate& out) {
  out.set_subject(leaf.subject());
  out.set_issuer(leaf.issuer());
  out.set_serial(leaf.serial());
  out.set_not_before(absl::ToUnixSeconds(leaf.not_before()));
  out.set_not_after(absl::ToUnixSeconds(leaf.not_after()));
  out.set_sha256(absl::BytesToHexString(leaf.digest()));
}

void FillCertificate(const KeyDescription& key, v1::Certificate& out) {
  FillSummary(key.chain.front(), out);
  for (const Certificate& anchor : key.anchors) out.add_anchors(anchor.subject());
}

void FillKey(const KeyDescription& key, v1::Key& out) {
  const KeyGeneration& generation = key.identity->current();
  out.set_name(key.identity->name.text());
  out.set_algorithm(std::string(AlgorithmName(generation.algorithm)));
  out.set_purpose(std::string(PurposeName(generation.purpose)));
  out.set_backend(key.backend);
  out.set_backend_problem(key.backend_problem);
  out.set_state(key.identity->deleted ? "deleted" : key.identity->disabled ? "disabled" : "active");
  out.set_generation(generation.number);
  out.set_created(absl::ToUnixSeconds(generation.created));
  out.set_public_key_sha256(absl::BytesToHexString(key.public_key_digest));
  out.set_public_key_pem(PublicKeyPem(generation.public_key));
  out.set_imported(generation.imported);
  out.set_left_custody(generation.left_custody);
  if (!key.chain.empty()) FillCertificate(key, *out.mutable_certificate());
  for (const GenerationDescription& described : key.generations) FillGeneration(described, *out.add_generations());
}

}  // namespace ddskey
