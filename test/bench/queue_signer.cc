#include "test/bench/queue_signer.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "daemon/backend/tpm2/tpm_backend.h"

namespace ddskey::bench {
namespace {

using std::chrono::steady_clock;

[[noreturn]] void Give(const absl::Status& status) {
  std::fprintf(stderr, "bench: the TPM backend: %s\n", status.ToString().c_str());
  std::exit(EXIT_FAILURE);
}

WorkOptions Soon() {
  return {steady_clock::now() + std::chrono::seconds(20), WorkClass::kReply, "the one who measures"};
}

}  // namespace

QueueSigner::QueueSigner(const std::string& tcti, int keys) {
  TpmBackend::Options options;
  options.tcti = tcti;
  options.queue.replies_per_second = 0;
  auto backend = TpmBackend::Create(std::move(options));
  if (!backend.ok()) Give(backend.status());
  backend_ = *std::move(backend);
  for (int i = 0; i < keys; ++i) MakeKey();
}

void QueueSigner::MakeKey() {
  under_way_ = 1;
  backend_->SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, Soon(), [this](auto key) {
    if (!key.ok()) Give(key.status());
    keys_.push_back(*std::move(key));
    End();
  });
  AwaitAll();
}

double QueueSigner::RunFor(std::chrono::milliseconds time, int clients) {
  signatures_ = 0;
  end_ = steady_clock::now() + time;
  under_way_ = clients;
  for (int i = 0; i < clients; ++i) Submit();
  AwaitAll();
  return signatures_ / std::chrono::duration<double>(time).count();
}

void QueueSigner::Submit() {
  const SealedKey& key = keys_[next_++ % keys_.size()];
  backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, std::string(32, 'd'), Soon(), [this](auto signature) {
    if (!signature.ok()) Give(signature.status());
    if (steady_clock::now() >= end_) return End();
    ++signatures_;
    Submit();
  });
}

void QueueSigner::End() {
  const std::lock_guard lock(mutex_);
  --under_way_;
  all_done_.notify_one();
}

void QueueSigner::AwaitAll() {
  std::unique_lock lock(mutex_);
  all_done_.wait(lock, [this] { return under_way_ == 0; });
}

}  // namespace ddskey::bench
