#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "daemon/backend/pkcs11/helper_options.h"
#include "daemon/backend/pkcs11/helper_token.h"
#include "daemon/backend/pkcs11/pkcs11_backend.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "test/conformance/key_backend_conformance.h"
#include "test/fakes/fake_token.h"
#include "test/support/softhsm.h"
#include "test/support/softhsm_backend.h"

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

// SoftHsmHost has a token of SoftHSM2's, whose module runs in the helper.
class SoftHsmHost : public BackendHost {
 public:
  SoftHsmHost() { hsm_.AddToken("token", "1234"); }

  std::unique_ptr<KeyBackend> Make() override {
    pkcs11::HelperOptions helper;
    helper.module = kSoftHsmModule;
    helper.environment = {hsm_.environment()};
    helper.helper = HelperProgram();
    helper.user = kHelperUser;
    helper.same_user = true;
    Pkcs11Backend::Options options;
    options.pin = Pin("1234");
    return *Pkcs11Backend::Create(*pkcs11::HelperToken::Create(std::move(helper)), std::move(options));
  }

 private:
  const SoftHsm hsm_;
};

INSTANTIATE_TEST_SUITE_P(SoftHsm, KeyBackendConformance,
                         ::testing::Values(BackendKind{"pkcs11", [] { return std::make_unique<SoftHsmHost>(); }}));
INSTANTIATE_TEST_SUITE_P(FakeToken, KeyBackendConformance,
                         ::testing::Values(BackendKind{"pkcs11", [] { return std::make_unique<FakeTokenHost>(); }}));

}  // namespace
}  // namespace ddskey::test
