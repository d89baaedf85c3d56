#include "daemon/backend/pkcs11/helper/token_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "proto/contract/algorithm.h"

namespace ddskey::pkcs11 {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// OptEe says what OP-TEE 4.5 says of its mechanisms.
CK_RV OptEe(CK_SLOT_ID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  switch (type) {
    case CKM_EC_KEY_PAIR_GEN:
      *info = {160, 521, CKF_GENERATE_KEY_PAIR};
      return CKR_OK;
    case CKM_ECDSA:
      *info = {160, 521, CKF_SIGN | CKF_VERIFY};
      return CKR_OK;
    case CKM_RSA_PKCS_KEY_PAIR_GEN:
      *info = {256, 4096, CKF_GENERATE_KEY_PAIR};
      return CKR_OK;
    case CKM_RSA_PKCS_PSS:
      *info = {0, 0, CKF_SIGN | CKF_VERIFY};
      return CKR_OK;
    case CKM_RSA_PKCS:
      *info = {256, 4096, CKF_SIGN | CKF_VERIFY};
      return CKR_OK;
    default:
      return CKR_MECHANISM_INVALID;
  }
}

// Small is a smart card with RSA keys of up to 2048 bits, and no PSS for a card that is Old.
CK_RV Small(CK_SLOT_ID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  *info = {1024, 2048, CKF_GENERATE_KEY_PAIR | CKF_SIGN};
  return type == CKM_ECDSA || type == CKM_EC_KEY_PAIR_GEN ? CKR_MECHANISM_INVALID : CKR_OK;
}
CK_RV Old(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  return type == CKM_RSA_PKCS_PSS ? CKR_MECHANISM_INVALID : Small(slot, type, info);
}

TEST(TokenChoiceTest, AKeySizeOfZeroIsNoLimit) {
  CK_FUNCTION_LIST functions = {};
  functions.C_GetMechanismInfo = &OptEe;
  EXPECT_THAT(AlgorithmsOf(functions, 0), UnorderedElementsAre(KeyAlgorithm::kEcP256, KeyAlgorithm::kEcP384,
                                                               KeyAlgorithm::kRsa2048, KeyAlgorithm::kRsa3072));
}

TEST(TokenChoiceTest, ATokenHasTheAlgorithmsWhoseMechanismsAndSizesItHas) {
  CK_FUNCTION_LIST functions = {};
  functions.C_GetMechanismInfo = &Small;
  EXPECT_THAT(AlgorithmsOf(functions, 0), ElementsAre(KeyAlgorithm::kRsa2048));
  functions.C_GetMechanismInfo = &Old;
  EXPECT_THAT(AlgorithmsOf(functions, 0), ElementsAre());
}

}  // namespace
}  // namespace ddskey::pkcs11
