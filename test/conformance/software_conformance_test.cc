#include <gtest/gtest.h>

#include <memory>

#include "daemon/backend/secret_source.h"
#include "daemon/backend/software/software_backend.h"
#include "test/conformance/key_backend_conformance.h"
#include "test/fakes/fake_key_backend.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

// SoftwareHost is a machine with a software secret.
class SoftwareHost : public BackendHost {
 public:
  std::unique_ptr<KeyBackend> Make() override {
    SecretSource source;
    source.file = dir_.File("secret");
    return *SoftwareBackend::Create(*LoadSecret(source), {});
  }

 private:
  TempDir dir_;
};

class FakeHost : public BackendHost {
 public:
  std::unique_ptr<KeyBackend> Make() override {
    return std::make_unique<FakeKeyBackend>(device_, FairQueue::Options{});
  }

 private:
  const std::shared_ptr<FakeDevice> device_ = MakeFakeDevice();
};

INSTANTIATE_TEST_SUITE_P(Software, KeyBackendConformance,
                         ::testing::Values(BackendKind{"software", [] { return std::make_unique<SoftwareHost>(); }}));
INSTANTIATE_TEST_SUITE_P(Fake, KeyBackendConformance,
                         ::testing::Values(BackendKind{"fake", [] { return std::make_unique<FakeHost>(); }}));

}  // namespace
}  // namespace ddskey::test
