#include "client/fork_generation.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace ddskey {
namespace {

constexpr size_t kPageSize = 4096;

// The kernel zeroes this page in every child: also in one that skipped the atfork handlers, and in one that has the
// same pid in another namespace. Null if the kernel cannot.
std::atomic<uint64_t>* WipedOnFork() {
  void* page = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (madvise(page, kPageSize, MADV_WIPEONFORK) != 0) {
    munmap(page, kPageSize);
    return nullptr;
  }
  return new (page) std::atomic<uint64_t>(0);
}

}  // namespace

uint64_t ForkGeneration() {
  static std::atomic<uint64_t>* const page = WipedOnFork();
  static std::atomic<uint64_t> last{0};
  if (page == nullptr) return static_cast<uint64_t>(getpid());

  uint64_t generation = page->load(std::memory_order_acquire);
  if (generation != 0) return generation;
  // `last` is inherited, so a child's number is above those of all its ancestors.
  const uint64_t fresh = last.fetch_add(1) + 1;
  return page->compare_exchange_strong(generation, fresh) ? fresh : generation;
}

}  // namespace ddskey
