// The conformance suite with keys in OP-TEE, which `./dev test-optee` starts.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "daemon/backend/pkcs11/helper_token.h"
#include "daemon/backend/pkcs11/pkcs11_backend.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/signature_scheme.h"
#include "test/conformance/key_backend_conformance.h"
#include "test/support/optee_machine.h"
#include "test/support/status_matchers.h"

namespace ddskey::test {
namespace {

using std::chrono::minutes;

// OpteeHost has one of the machine's tokens for itself, empty: it takes about twenty keys.
class OpteeHost : public BackendHost {
 public:
  OpteeHost() {
    while (Taken().contains(token_)) ++token_;
    Taken().insert(token_);
    machine_.EmptyToken(token_);
  }
  ~OpteeHost() override { Taken().erase(token_); }

  std::unique_ptr<KeyBackend> Make() override {
    pkcs11::HelperOptions helper;
    helper.module = machine_.module();
    helper.label = OpteeMachine::Label(token_);
    // The way to the token takes one call at a time.
    helper.sessions = 2;
    helper.environment = {machine_.environment()};
    helper.helper = std::filesystem::absolute("daemon/backend/pkcs11/helper/ddskeyd-pkcs11");
    if (geteuid() == 0) helper.user = "nobody";
    helper.same_user = true;
    helper.call_deadline = minutes(1);
    Pkcs11Backend::Options options;
    SecretBytes pin = *SecretBytes::Allocate(machine_.pin().size());
    std::ranges::copy(machine_.pin(), pin.Reveal(SecretAccess()).begin());
    options.pin = std::make_shared<const SecretBytes>(std::move(pin));
    options.open_timeout = minutes(1);
    return *Pkcs11Backend::Create(*pkcs11::HelperToken::Create(std::move(helper)), std::move(options));
  }

 private:
  static std::set<int>& Taken() {
    static std::set<int> taken;
    return taken;
  }

  const OpteeMachine machine_;
  int token_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Optee, KeyBackendConformance,
                         ::testing::Values(BackendKind{"optee", [] { return std::make_unique<OpteeHost>(); }, 6}));

// OpteeSpeedTest measures for the summary of `./dev test-optee`.
class OpteeSpeedTest : public ::testing::TestWithParam<std::pair<KeyAlgorithm, SignatureScheme>> {};

TEST_P(OpteeSpeedTest, SignsAFewTimesASecond) {
  const auto [algorithm, scheme] = GetParam();
  OpteeHost host;
  const auto backend = host.Make();
  const auto in = [](minutes time) {
    return WorkOptions{std::chrono::steady_clock::now() + time, WorkClass::kCompletion, ""};
  };
  std::promise<absl::StatusOr<SealedKey>> made;
  backend->SubmitCreate(algorithm, KeyPurpose::kDigest, in(minutes(5)),
                        [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
  ASSERT_OK_AND_ASSIGN(const SealedKey key, made.get_future().get());
  constexpr int kSignatures = 20;
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::future<absl::StatusOr<Signature>>> signatures;
  for (int i = 0; i < kSignatures; ++i) {
    const auto signature = std::make_shared<std::promise<absl::StatusOr<Signature>>>();
    signatures.push_back(signature->get_future());
    backend->SubmitSign(key, scheme, std::string(32, static_cast<char>(i)), in(minutes(5)),
                        [signature](absl::StatusOr<Signature> made) { signature->set_value(std::move(made)); });
  }
  for (auto& signature : signatures) EXPECT_OK(signature.get());
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
  char figure[32];
  std::snprintf(figure, sizeof figure, "%.1f", kSignatures / time.count());
  OpteeMachine().Note("signatures a second, " + std::string(AlgorithmName(algorithm)), figure);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, OpteeSpeedTest,
                         ::testing::Values(std::pair(KeyAlgorithm::kEcP256, SignatureScheme::kEcdsaSha256),
                                           std::pair(KeyAlgorithm::kRsa2048, SignatureScheme::kRsaPssSha256)));

}  // namespace
}  // namespace ddskey::test
