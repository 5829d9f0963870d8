// Early-return macros for absl::Status and absl::StatusOr. The Abseil release that hvkit supports
// (20220623) has none. Usable anywhere but in hyperv/. Not thread-related: both expand to plain
// statements.
#ifndef HVKIT_KVM_IOCTLS_STATUS_MACROS_H_
#define HVKIT_KVM_IOCTLS_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expr`, an absl::Status, is not OK.
#define HVKIT_RETURN_IF_ERROR(expr)                                   \
  do {                                                                \
    if (::absl::Status hvkit_status_ = (expr); !hvkit_status_.ok()) { \
      return hvkit_status_;                                           \
    }                                                                 \
  } while (false)

// Moves the value of `expr`, an absl::StatusOr, into `lhs` (a declaration or an lvalue), or returns
// its status. Expands to several statements: give it braces under an `if`.
#define HVKIT_ASSIGN_OR_RETURN(lhs, expr) \
  HVKIT_ASSIGN_OR_RETURN_IMPL_(HVKIT_STATUS_CONCAT_(hvkit_statusor_, __LINE__), lhs, expr)

#define HVKIT_STATUS_CONCAT_INNER_(a, b) a##b
#define HVKIT_STATUS_CONCAT_(a, b) HVKIT_STATUS_CONCAT_INNER_(a, b)
#define HVKIT_ASSIGN_OR_RETURN_IMPL_(result, lhs, expr) \
  auto result = (expr);                                 \
  if (!result.ok()) {                                   \
    return std::move(result).status();                  \
  }                                                     \
  lhs = *std::move(result)

#endif  // HVKIT_KVM_IOCTLS_STATUS_MACROS_H_
