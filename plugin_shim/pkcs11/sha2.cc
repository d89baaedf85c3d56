#include "plugin_shim/pkcs11/sha2.h"

#include <cstdint>

namespace ddskey {
namespace {

const uint8_t* Octets(std::string_view data) { return reinterpret_cast<const uint8_t*>(data.data()); }

}  // namespace

// SHA-384 is SHA-512 begun otherwise, and has its type in Nettle.
Sha2::Sha2(Hash hash) {
  if (hash == Hash::kSha384) {
    sha384_init(&context_.emplace<sha512_ctx>());
  } else {
    sha256_init(&context_.emplace<sha256_ctx>());
  }
}

void Sha2::Update(std::string_view data) {
  if (auto* const sha384 = std::get_if<sha512_ctx>(&context_)) {
    sha512_update(sha384, data.size(), Octets(data));
  } else {
    sha256_update(&std::get<sha256_ctx>(context_), data.size(), Octets(data));
  }
}

std::string Sha2::Finish() {
  if (auto* const sha384 = std::get_if<sha512_ctx>(&context_)) {
    std::string digest(SHA384_DIGEST_SIZE, '\0');
    sha384_digest(sha384, digest.size(), reinterpret_cast<uint8_t*>(digest.data()));
    return digest;
  }
  std::string digest(SHA256_DIGEST_SIZE, '\0');
  sha256_digest(&std::get<sha256_ctx>(context_), digest.size(), reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

std::string Sha256Of(std::string_view data) {
  Sha2 hash(Hash::kSha256);
  hash.Update(data);
  return hash.Finish();
}

}  // namespace ddskey
