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
  ValidationCache cache(2, 2);
  EXPECT_FALSE(cache.Find("a", kNow).has_value());
  cache.Put("a", 1, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(cache.Find("a", kNow)->result, StatusIs(absl::StatusCode::kPermissionDenied));
  cache.Put("a", 1, Bad(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(cache.Find("a", kNow)->result, StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ValidationCacheTest, GivesBackNothingOutsideTheTimeOfAVerdict) {
  ValidationCache cache(2, 2);
  Verdict verdict = Bad(absl::StatusCode::kPermissionDenied);
  verdict.from = kNow;
  verdict.until = kNow + absl::Seconds(10);
  cache.Put("a", 1, verdict);
  EXPECT_FALSE(cache.Find("a", kNow - absl::Nanoseconds(1)).has_value());
  EXPECT_TRUE(cache.Find("a", kNow).has_value());
  EXPECT_TRUE(cache.Find("a", kNow + absl::Seconds(10) - absl::Nanoseconds(1)).has_value());
  EXPECT_FALSE(cache.Find("a", kNow + absl::Seconds(10)).has_value());
}

TEST(ValidationCacheTest, S8ForgetsWhatWasNotAskedForLongest) {
  ValidationCache cache(3, 3);
  for (const char* key : {"a", "b", "c"}) cache.Put(key, 1, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_TRUE(cache.Find("a", kNow).has_value());
  cache.Put("d", 1, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_TRUE(cache.Find("a", kNow).has_value());
  EXPECT_FALSE(cache.Find("b", kNow).has_value());
  EXPECT_TRUE(cache.Find("c", kNow).has_value());
  EXPECT_TRUE(cache.Find("d", kNow).has_value());
}

TEST(ValidationCacheTest, S8ACallerPushesOutItsOwnVerdictsAndNobodyElses) {
  ValidationCache cache(100, 10);
  cache.Put("honest", 1, Bad(absl::StatusCode::kPermissionDenied));
  for (int i = 0; i < 1000; ++i) cache.Put(std::to_string(i), 2, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_TRUE(cache.Find("honest", kNow).has_value());
  EXPECT_EQ(cache.size(), 11u);
}

TEST(ValidationCacheTest, S8InAFullCacheTheCallerWithTheMostMakesRoom) {
  ValidationCache cache(10, 8);
  for (int i = 0; i < 8; ++i) cache.Put("flood" + std::to_string(i), 2, Bad(absl::StatusCode::kPermissionDenied));
  for (int i = 0; i < 4; ++i) cache.Put("honest" + std::to_string(i), 1, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(cache.size(), 10u);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(cache.Find("honest" + std::to_string(i), kNow).has_value());
  EXPECT_FALSE(cache.Find("flood1", kNow).has_value());
  EXPECT_TRUE(cache.Find("flood2", kNow).has_value());
}

TEST(ValidationCacheTest, AVerdictThatIsMadeAgainIsOnTheAccountOfWhoeverAskedForIt) {
  ValidationCache cache(10, 2);
  cache.Put("a", 1, Bad(absl::StatusCode::kPermissionDenied));
  cache.Put("a", 2, Bad(absl::StatusCode::kInvalidArgument));
  for (const char* key : {"b", "c"}) cache.Put(key, 1, Bad(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(cache.Find("a", kNow)->result, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(cache.size(), 3u);
}

}  // namespace
}  // namespace ddskey::trust
