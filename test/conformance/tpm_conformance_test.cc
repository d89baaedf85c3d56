#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "daemon/backend/secret_source.h"
#include "daemon/backend/tpm2/tpm_backend.h"
#include "test/conformance/key_backend_conformance.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

// TpmHost is a machine with a TPM, with or without a secret for authorisation values.
class TpmHost : public BackendHost {
 public:
  explicit TpmHost(bool has_secret) : has_secret_(has_secret) {}

  std::unique_ptr<KeyBackend> Make() override {
    TpmBackend::Options options;
    options.tcti = tpm_.tcti();
    if (has_secret_) {
      SecretSource source;
      source.file = dir_.File("secret");
      options.auth_secret = *LoadSecret(source);
    }
    return *TpmBackend::Create(std::move(options));
  }

 private:
  const bool has_secret_;
  TempDir dir_;
  Swtpm tpm_;
};

INSTANTIATE_TEST_SUITE_P(Tpm, KeyBackendConformance,
                         ::testing::Values(BackendKind{"tpm2", [] { return std::make_unique<TpmHost>(false); }}));
INSTANTIATE_TEST_SUITE_P(TpmWithSecret, KeyBackendConformance,
                         ::testing::Values(BackendKind{"tpm2", [] { return std::make_unique<TpmHost>(true); }}));

}  // namespace
}  // namespace ddskey::test
