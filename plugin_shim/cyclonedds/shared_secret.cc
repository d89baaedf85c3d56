#include "plugin_shim/cyclonedds/shared_secret.h"

#include <string.h>

#include <cstdint>
#include <string>

#include "dds/ddsrt/heap.h"

namespace ddskey::cyclonedds {
namespace {

constexpr size_t kSecretSize = 32;

}  // namespace

std::unique_ptr<SharedSecret> SharedSecret::Take(v1::HandshakeResult& result) {
  std::string& secret = *result.mutable_shared_secret();
  std::unique_ptr<SharedSecret> taken;
  if (secret.size() == kSecretSize && result.challenge1().size() == DDS_SECURITY_AUTHENTICATION_CHALLENGE_SIZE &&
      result.challenge2().size() == DDS_SECURITY_AUTHENTICATION_CHALLENGE_SIZE) {
    auto* const copy =
        static_cast<DDS_Security_SharedSecretHandleImpl*>(ddsrt_malloc(sizeof(DDS_Security_SharedSecretHandleImpl)));
    copy->shared_secret = static_cast<DDS_Security_octet*>(ddsrt_malloc(kSecretSize));
    copy->shared_secret_size = kSecretSize;
    memcpy(copy->shared_secret, secret.data(), kSecretSize);
    memcpy(copy->challenge1, result.challenge1().data(), sizeof(copy->challenge1));
    memcpy(copy->challenge2, result.challenge2().data(), sizeof(copy->challenge2));
    taken.reset(new SharedSecret(copy));
  }
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
  return taken;
}

SharedSecret::~SharedSecret() {
  explicit_bzero(secret_->shared_secret, kSecretSize);
  ddsrt_free(secret_->shared_secret);
  explicit_bzero(secret_, sizeof(*secret_));
  ddsrt_free(secret_);
}

DDS_Security_SharedSecretHandle SharedSecret::handle() const {
  return static_cast<DDS_Security_SharedSecretHandle>(reinterpret_cast<uintptr_t>(secret_));
}

}  // namespace ddskey::cyclonedds
