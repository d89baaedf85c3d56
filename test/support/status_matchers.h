#ifndef TEST_SUPPORT_STATUS_MATCHERS_H_
#define TEST_SUPPORT_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::test {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// IsOk matches an OK Status or StatusOr.
MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

// StatusIs matches a Status or StatusOr by its code.
MATCHER_P(StatusIs, code, "has status code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code;
}

// StatusIs matches a Status or StatusOr by its code and a matcher of its message.
MATCHER_P2(StatusIs, code, message, "has status code " + absl::StatusCodeToString(code) + " and a fitting message") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(StatusOf(arg).message()), result_listener);
}

// IsOkAndHolds matches an OK StatusOr whose value matches.
MATCHER_P(IsOkAndHolds, value, "is OK and holds a fitting value") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace ddskey::test

#define DDSKEY_TEST_CONCAT_INNER_(a, b) a##b
#define DDSKEY_TEST_CONCAT_(a, b) DDSKEY_TEST_CONCAT_INNER_(a, b)

// ASSERT_OK and EXPECT_OK are for statements whose status is all that matters.
#define ASSERT_OK(expr) ASSERT_THAT(expr, ::ddskey::test::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::ddskey::test::IsOk())

// ASSERT_OK_AND_ASSIGN binds `lhs` to the value of a StatusOr, or ends the test.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  DDSKEY_ASSERT_OK_AND_ASSIGN_(DDSKEY_TEST_CONCAT_(ddskey_test_status_or_, __LINE__), lhs, expr)
#define DDSKEY_ASSERT_OK_AND_ASSIGN_(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  ASSERT_TRUE(tmp.ok()) << tmp.status();             \
  lhs = std::move(tmp).value()

#endif  // TEST_SUPPORT_STATUS_MATCHERS_H_
