#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "daemon/backend/pkcs11/pkcs11_backend.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "test/conformance/key_backend_conformance.h"
#include "test/fakes/fake_token.h"

namespace ddskey::test {
namespace {

std::shared_ptr<const SecretBytes> Pin(const std::string& text) {
  SecretBytes pin = *SecretBytes::Allocate(text.size());
  std::ranges::copy(text, pin.Reveal(SecretAccess()).begin());
  return std::make_shared<const SecretBytes>(std::move(pin));
}

// FakeTokenHost has a token of OpenSSL's.
class FakeTokenHost : public BackendHost {
 public:
  FakeTokenHost() {
    static int made = 0;
    hsm_->state.serial = std::to_string(++made);
  }

  std::unique_ptr<KeyBackend> Make() override {
    Pkcs11Backend::Options options;
    options.pin = Pin(hsm_->pin);
    return *Pkcs11Backend::Create(std::make_unique<FakeToken>(hsm_), std::move(options));
  }

 private:
  const std::shared_ptr<FakeHsm> hsm_ = std::make_shared<FakeHsm>();
};

INSTANTIATE_TEST_SUITE_P(FakeToken, KeyBackendConformance,
                         ::testing::Values(BackendKind{"pkcs11", [] { return std::make_unique<FakeTokenHost>(); }}));

}  // namespace
}  // namespace ddskey::test
