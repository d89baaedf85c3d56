#ifndef PROTO_CONTRACT_SECRET_BYTES_H_
#define PROTO_CONTRACT_SECRET_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace ddskey {

class SecretAccess;  // Defined in secret_access.h, which few may include.

// SecretBytes owns key material from birth to erasure. Its pages are locked, left out of core dumps, and zeroed before
// they are unmapped; small secrets share locked pages. It cannot be copied, grown, compared with ==, printed, or turned
// into a string. Thread-compatible.
class SecretBytes {
 public:
  // Allocate returns `size` zeroed bytes (1 to 64 KiB), or RESOURCE_EXHAUSTED if the pages cannot be locked. A secret
  // that could be swapped out is never returned.
  static absl::StatusOr<SecretBytes> Allocate(size_t size);

  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  // Reveal lends the bytes; the span must not outlive this object. Only targets on the visibility list of
  // :secret_access can make a SecretAccess.
  std::span<uint8_t> Reveal(const SecretAccess&) { return {data_, size_}; }
  std::span<const uint8_t> Reveal(const SecretAccess&) const { return {data_, size_}; }

  // size is the number of octets; it is not a secret.
  size_t size() const { return size_; }

 private:
  SecretBytes(uint8_t* data, size_t size) : data_(data), size_(size) {}
  void Erase() noexcept;

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// ConstantTimeEquals compares two octet strings in time that depends on their lengths only.
bool ConstantTimeEquals(std::span<const uint8_t> a, std::span<const uint8_t> b);

}  // namespace ddskey

#endif  // PROTO_CONTRACT_SECRET_BYTES_H_
