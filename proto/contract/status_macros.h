#ifndef PROTO_CONTRACT_STATUS_MACROS_H_
#define PROTO_CONTRACT_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// RETURN_IF_ERROR returns the status of `expr` from the calling function unless it is OK.
#define RETURN_IF_ERROR(expr)                                         \
  do {                                                                \
    if (::absl::Status ddskey_status = (expr); !ddskey_status.ok()) { \
      return ddskey_status;                                           \
    }                                                                 \
  } while (false)

// ASSIGN_OR_RETURN binds `lhs` to the value of `expr`, a StatusOr, or returns its status from the calling function.
#define ASSIGN_OR_RETURN(lhs, expr) DDSKEY_ASSIGN_OR_RETURN_(DDSKEY_CONCAT_(ddskey_status_or_, __LINE__), lhs, expr)

#define DDSKEY_CONCAT_INNER_(a, b) a##b
#define DDSKEY_CONCAT_(a, b) DDSKEY_CONCAT_INNER_(a, b)
#define DDSKEY_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) {                               \
    return std::move(tmp).status();              \
  }                                              \
  lhs = std::move(tmp).value()

#endif  // PROTO_CONTRACT_STATUS_MACROS_H_
