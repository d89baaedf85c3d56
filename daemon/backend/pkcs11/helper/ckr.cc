#include "daemon/backend/pkcs11/helper/ckr.h"

#include <p11-kit-1/p11-kit/p11-kit.h>

#include <charconv>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/backend/pkcs11/token.h"

namespace ddskey::pkcs11 {
namespace {

constexpr char kValue[] = "ddskey/ckr";

bool MeansLost(CK_RV value) {
  switch (value) {
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_DEVICE_REMOVED:
    case CKR_DEVICE_ERROR:
    case CKR_SLOT_ID_INVALID:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
      return true;
    default:
      return IsSessionGone(value);
  }
}

const char* PinVerdict(CK_RV value) {
  switch (value) {
    case CKR_PIN_LOCKED:
      return "locked";
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
      return "wrong";
    case CKR_USER_PIN_NOT_INITIALIZED:
      return "missing";
    default:
      return nullptr;
  }
}

absl::StatusCode CodeOf(CK_RV value) {
  if (MeansTemplate(value)) return absl::StatusCode::kUnimplemented;
  switch (value) {
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
    case CKR_CURVE_NOT_SUPPORTED:
    case CKR_KEY_SIZE_RANGE:
    case CKR_DOMAIN_PARAMS_INVALID:
      return absl::StatusCode::kUnimplemented;
    case CKR_DEVICE_MEMORY:
      return absl::StatusCode::kResourceExhausted;
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_ACTION_PROHIBITED:
    case CKR_USER_TYPE_INVALID:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_SESSION_READ_ONLY_EXISTS:
      return absl::StatusCode::kFailedPrecondition;
    case CKR_BUFFER_TOO_SMALL:
      return absl::StatusCode::kDataLoss;
    case CKR_ARGUMENTS_BAD:
    case CKR_DATA_INVALID:
    case CKR_DATA_LEN_RANGE:
      return absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

bool IsSessionGone(CK_RV value) {
  return value == CKR_SESSION_HANDLE_INVALID || value == CKR_SESSION_CLOSED || value == CKR_OPERATION_ACTIVE ||
         value == CKR_OPERATION_NOT_INITIALIZED;
}

bool IsHandleStale(CK_RV value) { return value == CKR_KEY_HANDLE_INVALID || value == CKR_OBJECT_HANDLE_INVALID; }

bool MeansTemplate(CK_RV value) {
  return value == CKR_ATTRIBUTE_TYPE_INVALID || value == CKR_ATTRIBUTE_VALUE_INVALID ||
         value == CKR_ATTRIBUTE_READ_ONLY || value == CKR_TEMPLATE_INCONSISTENT || value == CKR_TEMPLATE_INCOMPLETE;
}

absl::Status FromCkr(CK_RV value, const char* doing) {
  if (value == CKR_OK) return absl::OkStatus();
  const char* const pin = PinVerdict(value);
  const bool lost = pin == nullptr && MeansLost(value);
  const char* const words = p11_kit_strerror(value);
  absl::Status status(pin != nullptr ? absl::StatusCode::kFailedPrecondition
                      : lost         ? absl::StatusCode::kUnavailable
                                     : CodeOf(value),
                      absl::StrCat(doing, ": ", words == nullptr ? "the PKCS#11 module failed" : words,
                                   absl::StrFormat(" (CKR 0x%x)", value)));
  status.SetPayload(kValue, absl::Cord(absl::StrCat(value)));
  if (lost) status.SetPayload(kLost, absl::Cord());
  if (pin != nullptr) status.SetPayload(kPinRefused, absl::Cord(pin));
  return status;
}

CK_RV CkrOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kValue);
  CK_RV value = CKR_OK;
  if (payload.has_value()) {
    const std::string digits(*payload);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
  }
  return value;
}

absl::Status Lost(const std::string& message) {
  absl::Status status = absl::UnavailableError(message);
  status.SetPayload(kLost, absl::Cord());
  return status;
}

bool IsLost(const absl::Status& status) { return status.GetPayload(kLost).has_value(); }

}  // namespace ddskey::pkcs11
