#include "daemon/handshake/digest.h"

#include <openssl/sha.h>

namespace ddskey {

std::string Sha256(std::string_view octets) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(octets.data()), octets.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string PermissionsDigest(std::string_view document) {
  while (document.ends_with('\0')) document.remove_suffix(1);
  return Sha256(document);
}

}  // namespace ddskey
