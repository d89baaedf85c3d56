// What a program calls by PKCS #11 2.40: every pointer is looked at, no exception leaves, and each function is a
// translation.

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "plugin_shim/pkcs11/cryptoki.h"
#include "plugin_shim/pkcs11/mechanisms.h"
#include "plugin_shim/pkcs11/module.h"

namespace ddskey {
namespace {

constexpr CK_VERSION kCryptoki = {2, 40};
constexpr CK_VERSION kModule = {0, 1};
constexpr CK_ULONG kMostRandom = CK_ULONG{1} << 20;

// Guarded calls `body` with the module, and turns exceptions into an error.
template <typename Body>
CK_RV Guarded(const Body& body) {
  try {
    Module* const module = Module::Current();
    return module == nullptr ? CKR_CRYPTOKI_NOT_INITIALIZED : body(*module);
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (...) {
    return CKR_GENERAL_ERROR;
  }
}

// Answer is the function whose answer is always the same once there is such a session.
template <CK_RV kAnswer, typename... Arguments>
CK_RV Answer(CK_SESSION_HANDLE session, Arguments...) {
  return Guarded([&](Module& module) { return module.HasSession(session) ? kAnswer : CKR_SESSION_HANDLE_INVALID; });
}

std::string_view View(const CK_BYTE* data, CK_ULONG size) {
  return {reinterpret_cast<const char*>(data), static_cast<size_t>(size)};
}

// Pad writes `text` into a field that is filled with blanks (2.40, 3.1).
template <size_t kSize>
void Pad(CK_BYTE (&field)[kSize], std::string_view text) {
  std::fill_n(field, kSize, CK_BYTE{' '});
  std::copy_n(text.begin(), std::min(text.size(), kSize), field);
}

// GiveList is the convention of functions that return a list: without room they say how much is needed.
template <typename T, typename List, typename Item>
CK_RV GiveList(const List& list, const Item& item, T* out, CK_ULONG* count) {
  const CK_ULONG room = *count;
  *count = list.size();
  if (out == nullptr) return CKR_OK;
  if (room < list.size()) return CKR_BUFFER_TOO_SMALL;
  for (const auto& entry : list) *out++ = item(entry);
  return CKR_OK;
}

CK_RV Initialize(void* argument) {
  if (argument != nullptr) {
    const auto& arguments = *static_cast<const CK_C_INITIALIZE_ARGS*>(argument);
    if (arguments.pReserved != nullptr) return CKR_ARGUMENTS_BAD;
    const int callbacks = (arguments.CreateMutex != nullptr ? 1 : 0) + (arguments.DestroyMutex != nullptr ? 1 : 0) +
                          (arguments.LockMutex != nullptr ? 1 : 0) + (arguments.UnlockMutex != nullptr ? 1 : 0);
    // All or none (5.4); the system's locks serve either way.
    if (callbacks != 0 && callbacks != 4) return CKR_ARGUMENTS_BAD;
  }
  try {
    return Module::Initialize();
  } catch (...) {
    return CKR_HOST_MEMORY;
  }
}

CK_RV Finalize(void* reserved) {
  if (reserved != nullptr) return CKR_ARGUMENTS_BAD;
  try {
    return Module::Finalize();
  } catch (...) {
    return CKR_GENERAL_ERROR;
  }
}

CK_RV GetInfo(CK_INFO* info) {
  return Guarded([&](Module& /*module*/) -> CK_RV {
    if (info == nullptr) return CKR_ARGUMENTS_BAD;
    *info = {};
    info->cryptokiVersion = kCryptoki;
    info->libraryVersion = kModule;
    Pad(info->manufacturerID, "ddskeyd");
    Pad(info->libraryDescription, "Keys in the custody of ddskeyd");
    return CKR_OK;
  });
}

CK_RV GetSlotList(unsigned char token_present, CK_SLOT_ID* slots, CK_ULONG* count) {
  return Guarded([&](Module& module) -> CK_RV {
    if (count == nullptr) return CKR_ARGUMENTS_BAD;
    const bool empty = token_present != CK_FALSE && !module.IsPresent();
    const std::string_view list(".", empty ? 0 : 1);
    return GiveList(
        list, [](char /*slot*/) { return Module::kSlot; }, slots, count);
  });
}

CK_RV GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO* info) {
  return Guarded([&](Module& module) -> CK_RV {
    if (slot != Module::kSlot) return CKR_SLOT_ID_INVALID;
    if (info == nullptr) return CKR_ARGUMENTS_BAD;
    *info = {};
    Pad(info->slotDescription, "ddskeyd");
    Pad(info->manufacturerID, "ddskeyd");
    info->flags = CKF_REMOVABLE_DEVICE | (module.IsPresent() ? CKF_TOKEN_PRESENT : 0);
    info->hardwareVersion = kModule;
    info->firmwareVersion = kModule;
    return CKR_OK;
  });
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  return Guarded([&](Module& module) -> CK_RV {
    if (slot != Module::kSlot) return CKR_SLOT_ID_INVALID;
    if (info == nullptr) return CKR_ARGUMENTS_BAD;
    if (!module.IsPresent()) return CKR_TOKEN_NOT_PRESENT;
    *info = {};
    Pad(info->label, "ddskey");
    Pad(info->manufacturerID, "ddskeyd");
    Pad(info->model, "ddskeyd");
    Pad(info->serialNumber, "1");
    info->flags = CKF_RNG | CKF_WRITE_PROTECTED | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    info->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
    info->ulSessionCount = CK_UNAVAILABLE_INFORMATION;
    info->ulMaxRwSessionCount = CK_UNAVAILABLE_INFORMATION;
    info->ulRwSessionCount = CK_UNAVAILABLE_INFORMATION;
    info->ulMaxPinLen = 255;
    info->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
    info->hardwareVersion = kModule;
    info->firmwareVersion = kModule;
    Pad(info->utcTime, "");
    return CKR_OK;
  });
}

CK_RV GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE* types, CK_ULONG* count) {
  return Guarded([&](Module& /*module*/) -> CK_RV {
    if (slot != Module::kSlot) return CKR_SLOT_ID_INVALID;
    if (count == nullptr) return CKR_ARGUMENTS_BAD;
    return GiveList(
        Mechanisms(), [](const Mechanism& mechanism) { return mechanism.type; }, types, count);
  });
}

CK_RV GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  return Guarded([&](Module& /*module*/) -> CK_RV {
    if (slot != Module::kSlot) return CKR_SLOT_ID_INVALID;
    if (info == nullptr) return CKR_ARGUMENTS_BAD;
    const Mechanism* const mechanism = FindMechanism(type);
    if (mechanism == nullptr) return CKR_MECHANISM_INVALID;
    *info = {mechanism->smallest_key, mechanism->largest_key, CKF_SIGN};
    if (mechanism->scheme == v1::ECDSA) info->flags |= CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
    return CKR_OK;
  });
}

CK_RV InitToken(CK_SLOT_ID slot, unsigned char* /*pin*/, CK_ULONG /*size*/, unsigned char* /*label*/) {
  return Guarded([&](Module& /*module*/) -> CK_RV {
    return slot == Module::kSlot ? CKR_TOKEN_WRITE_PROTECTED : CKR_SLOT_ID_INVALID;
  });
}

CK_RV WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID* /*slot*/, void* reserved) {
  return Guarded([&](Module& /*module*/) -> CK_RV {
    if (reserved != nullptr) return CKR_ARGUMENTS_BAD;
    return (flags & CKF_DONT_BLOCK) != 0 ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED;
  });
}

CK_RV OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* /*application*/, CK_NOTIFY /*notify*/,
                  CK_SESSION_HANDLE* session) {
  return Guarded([&](Module& module) -> CK_RV {
    if (slot != Module::kSlot) return CKR_SLOT_ID_INVALID;
    if (session == nullptr) return CKR_ARGUMENTS_BAD;
    return module.OpenSession(flags, session);
  });
}

CK_RV CloseSession(CK_SESSION_HANDLE session) {
  return Guarded([&](Module& module) { return module.CloseSession(session); });
}

CK_RV CloseAllSessions(CK_SLOT_ID slot) {
  return Guarded([&](Module& module) -> CK_RV {
    if (slot != Module::kSlot) return CKR_SLOT_ID_INVALID;
    module.CloseAllSessions();
    return CKR_OK;
  });
}

CK_RV GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO* info) {
  return Guarded([&](Module& module) -> CK_RV {
    return info == nullptr ? CKR_ARGUMENTS_BAD : module.GetSessionInfo(session, info);
  });
}

CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* /*pin*/, CK_ULONG /*size*/) {
  return Guarded([&](Module& module) { return module.Login(session, user); });
}

CK_RV Logout(CK_SESSION_HANDLE session) {
  return Guarded([&](Module& module) { return module.Logout(session); });
}

CK_RV GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes, CK_ULONG count) {
  return Guarded([&](Module& module) -> CK_RV {
    if (attributes == nullptr && count > 0) return CKR_ARGUMENTS_BAD;
    return module.GetAttributeValue(session, object, attributes, count);
  });
}

CK_RV FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE* attributes, CK_ULONG count) {
  return Guarded([&](Module& module) -> CK_RV {
    if (attributes == nullptr && count > 0) return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < count; ++i) {
      if (attributes[i].pValue == nullptr && attributes[i].ulValueLen > 0) return CKR_ARGUMENTS_BAD;
    }
    return module.FindObjectsInit(session, attributes, count);
  });
}

CK_RV FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG most, CK_ULONG* count) {
  return Guarded([&](Module& module) -> CK_RV {
    if (count == nullptr || (objects == nullptr && most > 0)) return CKR_ARGUMENTS_BAD;
    return module.FindObjects(session, objects, most, count);
  });
}

CK_RV FindObjectsFinal(CK_SESSION_HANDLE session) {
  return Guarded([&](Module& module) { return module.FindObjectsFinal(session); });
}

CK_RV SignInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  return Guarded([&](Module& module) -> CK_RV {
    return mechanism == nullptr ? CKR_ARGUMENTS_BAD : module.SignInit(session, *mechanism, key);
  });
}

CK_RV Sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG data_size, unsigned char* signature,
           CK_ULONG* size) {
  return Guarded([&](Module& module) -> CK_RV {
    if (size == nullptr || (data == nullptr && data_size > 0)) return CKR_ARGUMENTS_BAD;
    return module.Sign(session, View(data, data_size), signature, size);
  });
}

CK_RV SignUpdate(CK_SESSION_HANDLE session, unsigned char* part, CK_ULONG size) {
  return Guarded([&](Module& module) -> CK_RV {
    if (part == nullptr && size > 0) return CKR_ARGUMENTS_BAD;
    return module.SignUpdate(session, View(part, size));
  });
}

CK_RV SignFinal(CK_SESSION_HANDLE session, unsigned char* signature, CK_ULONG* size) {
  return Guarded([&](Module& module) -> CK_RV {
    return size == nullptr ? CKR_ARGUMENTS_BAD : module.Sign(session, std::nullopt, signature, size);
  });
}

// Of the kernel: the TPM's time is for signatures (S-17).
CK_RV GenerateRandom(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size) {
  return Guarded([&](Module& module) -> CK_RV {
    if (!module.HasSession(session)) return CKR_SESSION_HANDLE_INVALID;
    if ((data == nullptr && size > 0) || size > kMostRandom) return CKR_ARGUMENTS_BAD;
    for (CK_ULONG have = 0; have < size;) {
      const ssize_t got = getrandom(data + have, std::min<CK_ULONG>(size - have, 256), 0);
      if (got <= 0) return CKR_DEVICE_ERROR;
      have += static_cast<CK_ULONG>(got);
    }
    return CKR_OK;
  });
}

CK_RV GetFunctionList(CK_FUNCTION_LIST** list);

constexpr CK_RV kNotSupported = CKR_FUNCTION_NOT_SUPPORTED;
constexpr CK_RV kWriteProtected = CKR_TOKEN_WRITE_PROTECTED;

CK_FUNCTION_LIST functions = {
    .version = kCryptoki,
    .C_Initialize = &Initialize,
    .C_Finalize = &Finalize,
    .C_GetInfo = &GetInfo,
    .C_GetFunctionList = &GetFunctionList,
    .C_GetSlotList = &GetSlotList,
    .C_GetSlotInfo = &GetSlotInfo,
    .C_GetTokenInfo = &GetTokenInfo,
    .C_GetMechanismList = &GetMechanismList,
    .C_GetMechanismInfo = &GetMechanismInfo,
    .C_InitToken = &InitToken,
    .C_InitPIN = &Answer<kWriteProtected>,
    .C_SetPIN = &Answer<kWriteProtected>,
    .C_OpenSession = &OpenSession,
    .C_CloseSession = &CloseSession,
    .C_CloseAllSessions = &CloseAllSessions,
    .C_GetSessionInfo = &GetSessionInfo,
    .C_GetOperationState = &Answer<kNotSupported>,
    .C_SetOperationState = &Answer<kNotSupported>,
    .C_Login = &Login,
    .C_Logout = &Logout,
    .C_CreateObject = &Answer<kWriteProtected>,
    .C_CopyObject = &Answer<kWriteProtected>,
    .C_DestroyObject = &Answer<kWriteProtected>,
    .C_GetObjectSize = &Answer<kNotSupported>,
    .C_GetAttributeValue = &GetAttributeValue,
    .C_SetAttributeValue = &Answer<kWriteProtected>,
    .C_FindObjectsInit = &FindObjectsInit,
    .C_FindObjects = &FindObjects,
    .C_FindObjectsFinal = &FindObjectsFinal,
    .C_EncryptInit = &Answer<kNotSupported>,
    .C_Encrypt = &Answer<kNotSupported>,
    .C_EncryptUpdate = &Answer<kNotSupported>,
    .C_EncryptFinal = &Answer<kNotSupported>,
    .C_DecryptInit = &Answer<kNotSupported>,
    .C_Decrypt = &Answer<kNotSupported>,
    .C_DecryptUpdate = &Answer<kNotSupported>,
    .C_DecryptFinal = &Answer<kNotSupported>,
    .C_DigestInit = &Answer<kNotSupported>,
    .C_Digest = &Answer<kNotSupported>,
    .C_DigestUpdate = &Answer<kNotSupported>,
    .C_DigestKey = &Answer<kNotSupported>,
    .C_DigestFinal = &Answer<kNotSupported>,
    .C_SignInit = &SignInit,
    .C_Sign = &Sign,
    .C_SignUpdate = &SignUpdate,
    .C_SignFinal = &SignFinal,
    .C_SignRecoverInit = &Answer<kNotSupported>,
    .C_SignRecover = &Answer<kNotSupported>,
    .C_VerifyInit = &Answer<kNotSupported>,
    .C_Verify = &Answer<kNotSupported>,
    .C_VerifyUpdate = &Answer<kNotSupported>,
    .C_VerifyFinal = &Answer<kNotSupported>,
    .C_VerifyRecoverInit = &Answer<kNotSupported>,
    .C_VerifyRecover = &Answer<kNotSupported>,
    .C_DigestEncryptUpdate = &Answer<kNotSupported>,
    .C_DecryptDigestUpdate = &Answer<kNotSupported>,
    .C_SignEncryptUpdate = &Answer<kNotSupported>,
    .C_DecryptVerifyUpdate = &Answer<kNotSupported>,
    .C_GenerateKey = &Answer<kWriteProtected>,
    .C_GenerateKeyPair = &Answer<kWriteProtected>,
    .C_WrapKey = &Answer<kNotSupported>,
    .C_UnwrapKey = &Answer<kNotSupported>,
    .C_DeriveKey = &Answer<kNotSupported>,
    .C_SeedRandom = &Answer<CKR_RANDOM_SEED_NOT_SUPPORTED>,
    .C_GenerateRandom = &GenerateRandom,
    .C_GetFunctionStatus = &Answer<CKR_FUNCTION_NOT_PARALLEL>,
    .C_CancelFunction = &Answer<CKR_FUNCTION_NOT_PARALLEL>,
    .C_WaitForSlotEvent = &WaitForSlotEvent,
};

CK_RV GetFunctionList(CK_FUNCTION_LIST** list) {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = &functions;
  return CKR_OK;
}

}  // namespace
}  // namespace ddskey

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  return ddskey::GetFunctionList(list);
}
