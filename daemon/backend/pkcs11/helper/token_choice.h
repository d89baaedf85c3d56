#ifndef DAEMON_BACKEND_PKCS11_HELPER_TOKEN_CHOICE_H_
#define DAEMON_BACKEND_PKCS11_HELPER_TOKEN_CHOICE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "daemon/backend/pkcs11/helper/module.h"
#include "proto/contract/algorithm.h"

namespace ddskey::pkcs11 {

// ChosenToken is a token in its slot.
struct ChosenToken {
  CK_SLOT_ID slot = 0;
  CK_TOKEN_INFO info = {};
};

// TokenChoice says which token of a module is meant.
struct TokenChoice {
  ModuleName module;
  std::string label;
  std::string serial;
};

// Padded is the text in a field that Cryptoki pads with blanks.
std::string Padded(std::span<const unsigned char> field);

// FindToken looks through the slots. NOT_FOUND if no token is meant, FAILED_PRECONDITION if several are; a token that
// was not initialized is none.
absl::StatusOr<ChosenToken> FindToken(const CK_FUNCTION_LIST& functions, const TokenChoice& choice);

// AlgorithmsOf are the keys that a token makes and signs with.
std::vector<KeyAlgorithm> AlgorithmsOf(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_TOKEN_CHOICE_H_
