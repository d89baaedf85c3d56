#include "proto/contract/secret_bytes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

#include "proto/contract/secret_access.h"

namespace ddskey {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);

size_t LockedKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmLck:") continue;
    size_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes;
  }
  return 0;
}

TEST(SecretBytesTest, LocksItsPages) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer makes mlock do nothing";
#endif
  const size_t before = LockedKilobytes();
  auto secret = SecretBytes::Allocate(10'000);
  ASSERT_TRUE(secret.ok()) << secret.status();
  EXPECT_GE(LockedKilobytes(), before + 12);
}

TEST(SecretBytesTest, ErasesBeforeASlotIsReused) {
  const uint8_t* where = nullptr;
  {
    auto secret = SecretBytes::Allocate(32);
    ASSERT_TRUE(secret.ok()) << secret.status();
    for (uint8_t& octet : secret->Reveal(SecretAccess())) octet = 0xa5;
    where = secret->Reveal(SecretAccess()).data();
  }
  // The slot stays mapped in the pool, so what is left in it can be looked at.
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(where[i], 0);
}

TEST(SecretBytesTest, RefusesSizesOutsideItsLimits) {
  EXPECT_EQ(SecretBytes::Allocate(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SecretBytes::Allocate(64 * 1024 + 1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SecretBytesTest, MovesWithoutLeavingACopy) {
  auto first = SecretBytes::Allocate(16);
  ASSERT_TRUE(first.ok()) << first.status();
  first->Reveal(SecretAccess())[0] = 7;
  const SecretBytes second = *std::move(first);
  EXPECT_EQ(second.size(), 16U);
  EXPECT_EQ(second.Reveal(SecretAccess())[0], 7);
  EXPECT_EQ(first->size(), 0U);  // NOLINT(bugprone-use-after-move): the moved-from state is what is tested.
}

TEST(SecretBytesTest, ComparesWholeOctetStrings) {
  const std::vector<uint8_t> a = {1, 2, 3};
  const std::vector<uint8_t> b = {1, 2, 4};
  const std::vector<uint8_t> shorter = {1, 2};
  EXPECT_TRUE(ConstantTimeEquals(a, a));
  EXPECT_FALSE(ConstantTimeEquals(a, b));
  EXPECT_FALSE(ConstantTimeEquals(a, shorter));
}

}  // namespace
}  // namespace ddskey
