// Matchers for absl::Status and absl::StatusOr, which Debian's abseil does not ship.
// There is no "not OK" matcher on purpose: a test names the code that it expects.
#ifndef HVKIT_TESTING_STATUS_MATCHERS_H_
#define HVKIT_TESTING_STATUS_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hvkit::testing {

inline const absl::Status& ToStatus(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << ToStatus(arg).ToString();
  return ToStatus(arg).ok();
}

// Matches a Status or StatusOr with `code` whose message matches `message`.
MATCHER_P2(StatusIs, code, message, "") {
  const absl::Status& status = ToStatus(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         ::testing::ExplainMatchResult(message, std::string(status.message()), result_listener);
}

}  // namespace hvkit::testing

#define EXPECT_OK(expression) EXPECT_THAT(expression, ::hvkit::testing::IsOk())
#define ASSERT_OK(expression) ASSERT_THAT(expression, ::hvkit::testing::IsOk())

#define HVKIT_MATCHERS_CONCAT_INNER_(a, b) a##b
#define HVKIT_MATCHERS_CONCAT_(a, b) HVKIT_MATCHERS_CONCAT_INNER_(a, b)
#define HVKIT_ASSERT_OK_AND_ASSIGN_(result, lhs, expression) \
  auto result = (expression);                                \
  ASSERT_OK(result);                                         \
  lhs = std::move(result).value()
// Evaluates `expression`, a StatusOr, and assigns its value to `lhs`; fails the test otherwise.
#define ASSERT_OK_AND_ASSIGN(lhs, expression) \
  HVKIT_ASSERT_OK_AND_ASSIGN_(HVKIT_MATCHERS_CONCAT_(hvkit_result_, __LINE__), lhs, expression)

#endif  // HVKIT_TESTING_STATUS_MATCHERS_H_
