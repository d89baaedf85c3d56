#include "daemon/rpc/signing_handler.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/rpc/admitted_call.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/signature_scheme.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kLongestName = 63;
constexpr size_t kSha256Size = 32;
constexpr size_t kSha384Size = 48;
// No caller needs a signature that comes later.
constexpr std::chrono::seconds kLongestWait(30);

std::string UuidOctets(const std::string& text) {
  return absl::HexStringToBytes(absl::StrReplaceAll(text, {{"-", ""}}));
}

void FillKey(SigningKey key, v1::SigningKey& out) {
  out.set_name(std::move(key.name));
  out.set_id(UuidOctets(key.identity_uuid));
  out.set_algorithm(std::string(AlgorithmName(key.algorithm)));
  out.set_public_key(std::move(key.public_key));
  out.set_ec_params(std::move(key.parts.ec_params));
  out.set_ec_point(std::move(key.parts.ec_point));
  out.set_modulus(std::move(key.parts.modulus));
  out.set_public_exponent(std::move(key.parts.public_exponent));
  for (CertificateParts& parts : key.certificates) {
    v1::SigningCertificate& certificate = *out.add_certificates();
    certificate.set_certificate(std::move(parts.certificate));
    certificate.set_subject(std::move(parts.subject));
    certificate.set_issuer(std::move(parts.issuer));
    certificate.set_serial_number(std::move(parts.serial_number));
  }
  for (const SignatureFamily family : key.families) {
    out.add_schemes(family == SignatureFamily::kEcdsa    ? v1::ECDSA
                    : family == SignatureFamily::kRsaPss ? v1::RSASSA_PSS
                                                         : v1::RSASSA_PKCS1);
  }
}

absl::StatusOr<SignatureFamily> ToFamily(v1::SigningScheme scheme) {
  switch (scheme) {
    case v1::ECDSA:
      return SignatureFamily::kEcdsa;
    case v1::RSASSA_PSS:
      return SignatureFamily::kRsaPss;
    case v1::RSASSA_PKCS1:
      return SignatureFamily::kRsaPkcs1;
    default:
      return absl::InvalidArgumentError("scheme is none that this daemon knows");
  }
}

absl::StatusOr<DigestToSign> Parse(const v1::SignDigestRequest& request) {
  DigestToSign parsed;
  if (request.key_name().empty() || request.key_name().size() > kLongestName) {
    return absl::InvalidArgumentError("key_name must have 1 to 63 characters");
  }
  if (request.public_key_sha256().size() != kSha256Size) {
    return absl::InvalidArgumentError("public_key_sha256 must have 32 octets");
  }
  // S-1: nothing that could be anything but a digest.
  if (request.digest().size() != kSha256Size && request.digest().size() != kSha384Size) {
    return absl::InvalidArgumentError("digest must have 32 octets (SHA-256) or 48 (SHA-384)");
  }
  ASSIGN_OR_RETURN(parsed.family, ToFamily(request.scheme()));
  parsed.key_name = request.key_name();
  parsed.public_key_digest = request.public_key_sha256();
  parsed.digest = request.digest();
  return parsed;
}

}  // namespace

void SigningHandler::AddTo(ServiceTable& services) {
  services.Add<v1::ListSigningKeysRequest, v1::ListSigningKeysResponse>(
      "/ddskey.v1.SigningService/ListSigningKeys",
      [this](const ServiceTable::Call& call, const auto& /*request*/, auto* response) { List(call, response); });
  services.Add<v1::SignDigestRequest, v1::SignDigestResponse>(
      "/ddskey.v1.SigningService/SignDigest",
      [this](const ServiceTable::Call& call, const auto& request, auto* response) { Sign(call, request, response); });
}

void SigningHandler::List(const ServiceTable::Call& begun, v1::ListSigningKeysResponse* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  custodian_.List(call->caller(), [call, response](absl::StatusOr<std::vector<SigningKey>> keys) {
    if (!keys.ok()) return call->Finish(keys.status());
    for (SigningKey& key : *keys) FillKey(std::move(key), *response->add_keys());
    call->Finish(absl::OkStatus());
  });
}

void SigningHandler::Sign(const ServiceTable::Call& begun, const v1::SignDigestRequest& request,
                          v1::SignDigestResponse* response) {
  const auto call = AdmittedCall::Admit(limiter_, begun);
  if (call == nullptr) return;
  auto parsed = Parse(request);
  if (!parsed.ok()) return call->Finish(parsed.status());
  const auto deadline = std::min(begun->deadline(), UnaryCall::Clock::now() + kLongestWait);
  custodian_.Sign(call->caller(), *std::move(parsed), deadline,
                  [call, response](absl::StatusOr<std::string> signature) {
                    const absl::Status status = signature.status();
                    if (status.ok()) response->set_signature(*std::move(signature));
                    call->Finish(status);
                  });
}

}  // namespace ddskey
