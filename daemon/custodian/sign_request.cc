#include "daemon/custodian/sign_request.h"

#include <chrono>
#include <utility>

#include "daemon/handshake/digest.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kSignDeadline(20);

}  // namespace

void SignRequest(WorkerPool& pool, const BackendSet& backends, const KeyGeneration& generation,
                 CertificationRequest request, std::function<void(absl::StatusOr<std::string>)> done) {
  if (generation.purpose == KeyPurpose::kDerive) {
    return done(absl::FailedPreconditionError("a key for deriving secrets signs nothing, not even a request"));
  }
  const auto entry = backends.FindForKey(generation.backend_uuid, generation.blob);
  if (!entry.ok()) return done(entry.status());
  const SignatureScheme scheme =
      IsRsa(generation.algorithm) ? SignatureScheme::kRsaPkcs1Sha256 : SignatureScheme::kEcdsaSha256;
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kSignDeadline;
  // The octets begin with the DER of a SEQUENCE, 0x30: no handshake transcript does.
  const std::string digest = Sha256(request.to_be_signed());
  (*entry)->backend->SubmitSign(
      {generation.algorithm, generation.purpose, generation.blob, generation.public_key}, scheme, digest, options,
      [&pool, request = std::move(request), done = std::move(done)](absl::StatusOr<Signature> signature) {
        pool.Resume([request, signature = std::move(signature), done]() mutable {
          done(signature.ok() ? request.Finish(signature->octets) : signature.status());
        });
      });
}

}  // namespace ddskey
