#include "daemon/backend/pkcs11/helper/token_choice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/answer.h"
#include "daemon/backend/pkcs11/helper/ckr.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr CK_ULONG kMaxSlots = 1024;

absl::StatusOr<std::vector<CK_SLOT_ID>> SlotsOf(const CK_FUNCTION_LIST& functions) {
  constexpr int kTries = 3;
  CK_RV value = CKR_BUFFER_TOO_SMALL;
  for (int i = 0; i < kTries && value == CKR_BUFFER_TOO_SMALL; ++i) {
    CK_ULONG count = 0;
    RETURN_IF_ERROR(FromCkr(functions.C_GetSlotList(CK_TRUE, nullptr, &count), "asking for the tokens"));
    if (count == 0) return std::vector<CK_SLOT_ID>();
    std::vector<CK_SLOT_ID> slots(std::min(count, kMaxSlots));
    count = slots.size();
    // A token may come between the two calls.
    value = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
    slots.resize(std::min<size_t>(count, slots.size()));
    if (value == CKR_OK) return slots;
  }
  return FromCkr(value, "asking for the tokens");
}

bool IsMeant(const TokenChoice& choice, const CK_TOKEN_INFO& info) {
  return (info.flags & CKF_TOKEN_INITIALIZED) != 0 && (choice.label.empty() || Padded(info.label) == choice.label) &&
         (choice.serial.empty() || Padded(info.serialNumber) == choice.serial) && choice.module.Fits(info);
}

bool Has(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_FLAGS flag, int bits) {
  CK_MECHANISM_INFO info = {};
  return functions.C_GetMechanismInfo(slot, type, &info) == CKR_OK && (info.flags & flag) != 0 &&
         info.ulMinKeySize <= static_cast<CK_ULONG>(bits) &&
         // Zero says nothing: OP-TEE has it for RSA-PSS.
         (static_cast<CK_ULONG>(bits) <= info.ulMaxKeySize || info.ulMaxKeySize == 0);
}

}  // namespace

std::string Padded(std::span<const unsigned char> field) {
  std::string text(field.begin(), field.end());
  text.resize(text.find_last_not_of(std::string(" \0", 2)) + 1);
  return text;
}

absl::StatusOr<ChosenToken> FindToken(const CK_FUNCTION_LIST& functions, const TokenChoice& choice) {
  ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, SlotsOf(functions));
  std::vector<ChosenToken> found;
  std::string others;
  for (const CK_SLOT_ID slot : slots) {
    ChosenToken token = {.slot = slot};
    // One that is just being pulled out.
    if (functions.C_GetTokenInfo(slot, &token.info) != CKR_OK) continue;
    if (IsMeant(choice, token.info)) {
      found.push_back(token);
    } else if ((token.info.flags & CKF_TOKEN_INITIALIZED) != 0) {
      absl::StrAppend(&others, others.empty() ? "" : ", ", Printable(Padded(token.info.label), 32));
    }
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat("the PKCS#11 module has no such token now; it has ", others.empty() ? "no other" : others));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the PKCS#11 module has ", found.size(),
                   " such tokens: say the label and the serial number of the one that is meant"));
}

std::vector<KeyAlgorithm> AlgorithmsOf(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot) {
  std::vector<KeyAlgorithm> algorithms;
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    const int bits = KeyBits(algorithm);
    const bool has = IsRsa(algorithm) ? Has(functions, slot, CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, bits) &&
                                            Has(functions, slot, CKM_RSA_PKCS_PSS, CKF_SIGN, bits) &&
                                            Has(functions, slot, CKM_RSA_PKCS, CKF_SIGN, bits)
                                      : Has(functions, slot, CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, bits) &&
                                            Has(functions, slot, CKM_ECDSA, CKF_SIGN, bits);
    if (has) algorithms.push_back(algorithm);
  }
  return algorithms;
}

}  // namespace ddskey::pkcs11
