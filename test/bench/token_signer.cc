#include "test/bench/token_signer.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ddskey::bench {
namespace {

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(EXIT_FAILURE);
}

void Check(CK_RV rv, const char* what) {
  if (rv != CKR_OK) Give(absl::StrCat(what, ": error 0x", absl::Hex(rv)));
}

}  // namespace

TokenSigner::TokenSigner(const TokenKeyName& key) {
  void* const library = dlopen(key.module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) Give(dlerror());
  const auto list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (list == nullptr) Give(key.module + " is no PKCS#11 module");
  Check(list(&module_), "C_GetFunctionList");
  CK_C_INITIALIZE_ARGS arguments = {};
  arguments.flags = CKF_OS_LOCKING_OK;
  Check(module_->C_Initialize(&arguments), "C_Initialize");
  Check(module_->C_OpenSession(FindSlot(key.token), CKF_SERIAL_SESSION, nullptr, nullptr, &session_), "C_OpenSession");
  if (!key.pin.empty()) {
    std::string pin = key.pin;
    Check(module_->C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size()), "C_Login");
  }
  CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
  std::string label = key.label;
  std::array<CK_ATTRIBUTE, 2> wanted = {
      {{CKA_CLASS, &private_key, sizeof private_key}, {CKA_LABEL, label.data(), label.size()}}};
  CK_ULONG found = 0;
  Check(module_->C_FindObjectsInit(session_, wanted.data(), wanted.size()), "C_FindObjectsInit");
  Check(module_->C_FindObjects(session_, &key_, 1, &found), "C_FindObjects");
  Check(module_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
  if (found != 1) Give(absl::StrCat("there is no key ", key.label, " in the token ", key.token));
}

CK_SLOT_ID TokenSigner::FindSlot(const std::string& token) {
  std::array<CK_SLOT_ID, 16> slots = {};
  CK_ULONG count = slots.size();
  Check(module_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO info = {};
    if (module_->C_GetTokenInfo(slots[i], &info) != CKR_OK) continue;
    std::string_view label(reinterpret_cast<const char*>(info.label), sizeof info.label);
    if (label.substr(0, label.find_last_not_of(' ') + 1) == token) return slots[i];
  }
  Give("there is no token " + token);
}

std::string TokenSigner::SignOne() {
  CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
  std::array<CK_BYTE, 32> digest = {1, 2, 3};
  std::array<CK_BYTE, 64> signature = {};
  CK_ULONG size = signature.size();
  CK_RV rv = module_->C_SignInit(session_, &mechanism, key_);
  if (rv == CKR_OK) rv = module_->C_Sign(session_, digest.data(), digest.size(), signature.data(), &size);
  return rv == CKR_OK ? "" : absl::StrCat("C_Sign: error 0x", absl::Hex(rv));
}

}  // namespace ddskey::bench
