#include "daemon/trust/validation_cache.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::trust {
namespace {

using test::StatusIs;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

Verdict Bad(absl::StatusCode code) { return {.result = absl::Status(code, "no")}; }

TEST(ValidationCacheTest, GivesBackTheVerdictThatWasPutLast) {
  ValidationCache cache(2);
  EXPECT_FALSE(cache.Find("a", kNow).has_value());
  cache.Put("a", Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(*cache.Find("a", kNow), StatusIs(absl::StatusCode::kPermissionDenied));
  cache.Put("a", Bad(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(*cache.Find("a", kNow), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ValidationCacheTest, GivesBackNothingOutsideTheTimeOfAVerdict) {
  ValidationCache cache(2);
  Verdict verdict = Bad(absl::StatusCode::kPermissionDenied);
  verdict.from = kNow;
  verdict.until = kNow + absl::Seconds(10);
  cache.Put("a", verdict);
  EXPECT_FALSE(cache.Find("a", kNow - absl::Nanoseconds(1)).has_value());
  EXPECT_TRUE(cache.Find("a", kNow).has_value());
  EXPECT_TRUE(cache.Find("a", kNow + absl::Seconds(10) - absl::Nanoseconds(1)).has_value());
  EXPECT_FALSE(cache.Find("a", kNow + absl::Seconds(10)).has_value());
}

TEST(ValidationCacheTest, S8ForgetsWhatWasNotAskedForLongest) {
  ValidationCache cache(3);
  for (const char* key : {"a", "b", "c"}) cache.Put(key, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_TRUE(cache.Find("a", kNow).has_value());
  cache.Put("d", Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_TRUE(cache.Find("a", kNow).has_value());
  EXPECT_FALSE(cache.Find("b", kNow).has_value());
  EXPECT_TRUE(cache.Find("c", kNow).has_value());
  EXPECT_TRUE(cache.Find("d", kNow).has_value());
}

}  // namespace
}  // namespace ddskey::trust
