#include "proto/contract/secret_bytes.h"

#include <sys/mman.h>

#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kSlot = 64;
constexpr size_t kLargest = 64 * 1024;

absl::StatusOr<uint8_t*> MapLocked(size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return absl::ResourceExhaustedError("no memory for a secret");
  if (mlock(pages, bytes) != 0 || madvise(pages, bytes, MADV_DONTDUMP) != 0) {
    munmap(pages, bytes);
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot lock ", bytes, " octets of memory for a secret; raise RLIMIT_MEMLOCK"));
  }
  return static_cast<uint8_t*>(pages);
}

// SlotPool hands out 64-octet slots of locked pages, so that thousands of 32-octet secrets do not lock a page each.
class SlotPool {
 public:
  absl::StatusOr<uint8_t*> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      auto page = MapLocked(kPage);
      if (!page.ok()) return page.status();
      for (size_t at = 0; at < kPage; at += kSlot) free_.push_back(*page + at);
    }
    uint8_t* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void Return(uint8_t* slot) {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);
  }

 private:
  std::mutex mutex_;
  std::vector<uint8_t*> free_;
};

SlotPool& Pool() {
  // Never destroyed: secrets with static storage may be erased after it would be.
  static SlotPool& pool = *new SlotPool;
  return pool;
}

}  // namespace

absl::StatusOr<SecretBytes> SecretBytes::Allocate(size_t size) {
  if (size == 0 || size > kLargest) {
    return absl::InvalidArgumentError(absl::StrCat("a secret of ", size, " octets is outside 1 to ", kLargest));
  }
  auto data = size <= kSlot ? Pool().Take() : MapLocked((size + kPage - 1) / kPage * kPage);
  if (!data.ok()) return data.status();
  return SecretBytes(*data, size);
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    Erase();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes::~SecretBytes() { Erase(); }

void SecretBytes::Erase() noexcept {
  if (data_ == nullptr) return;
  if (size_ <= kSlot) {
    explicit_bzero(data_, kSlot);
    Pool().Return(data_);
  } else {
    const size_t mapped = (size_ + kPage - 1) / kPage * kPage;
    explicit_bzero(data_, mapped);
    munmap(data_, mapped);
  }
  data_ = nullptr;
  size_ = 0;
}

bool ConstantTimeEquals(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  if (a.size() != b.size()) return false;
  uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  // The barrier keeps the compiler from turning the loop into an early exit.
  __asm__ __volatile__("" : "+r"(difference));
  return difference == 0;
}

}  // namespace ddskey
