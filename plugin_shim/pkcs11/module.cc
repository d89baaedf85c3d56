#include "plugin_shim/pkcs11/module.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "client/fork_generation.h"
#include "client/socket_path.h"
#include "client/unix_socket.h"
#include "plugin_shim/core/daemon_link.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;

// An answer that needs no device, and a signature of a slow one behind others, or of a daemon that is being restarted.
constexpr milliseconds kAnswerTime(5'000);
constexpr milliseconds kSigningTime(10'000);

std::atomic<Module*> module = nullptr;

CK_RV ErrorOf(const CallStatus& status) {
  switch (status.code) {
    case CallCode::kOk:
      return CKR_OK;
    case CallCode::kPermissionDenied:
      return CKR_KEY_FUNCTION_NOT_PERMITTED;
    case CallCode::kFailedPrecondition:
      return CKR_KEY_HANDLE_INVALID;
    case CallCode::kInvalidArgument:
      return CKR_DATA_INVALID;
    case CallCode::kUnavailable:
    case CallCode::kUnauthenticated:
    case CallCode::kDataLoss:
      return CKR_DEVICE_ERROR;
    default:
      return CKR_FUNCTION_FAILED;
  }
}

// WaitsForDaemon is whether somebody wants programs to wait for a daemon that is not there yet. By default they do not:
// every program that looks for tokens would.
bool WaitsForDaemon() {
  const char* const environment = secure_getenv("DDSKEY_CONNECT_TIMEOUT_MS");
  return environment != nullptr && *environment != '\0';
}

}  // namespace

Module::Module(uint64_t generation) : generation_(generation), client_(ServiceSocketPath()), parent_(module.load()) {}

Module* Module::Current() {
  Module* const current = module.load();
  if (current == nullptr || current->generation_ != ForkGeneration()) return nullptr;
  const std::lock_guard lock(current->mutex_);
  return current->initialized_ ? current : nullptr;
}

CK_RV Module::Initialize() {
  const uint64_t generation = ForkGeneration();
  Module* current = module.load();
  if (current == nullptr || current->generation_ != generation) {
    auto made = std::unique_ptr<Module>(new Module(generation));
    // Another thread may have been faster. What is replaced is the parent's, and stays.
    if (module.compare_exchange_strong(current, made.get())) current = made.release();
  }
  const std::lock_guard lock(current->mutex_);
  if (current->initialized_) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  current->initialized_ = true;
  return CKR_OK;
}

CK_RV Module::Finalize() {
  Module* const current = Current();
  if (current == nullptr) return CKR_CRYPTOKI_NOT_INITIALIZED;
  // It stays in memory: another thread may be in one of its calls.
  const std::lock_guard lock(current->mutex_);
  current->initialized_ = false;
  current->logged_in_ = false;
  current->sessions_.clear();
  return CKR_OK;
}

bool Module::IsPresent() const {
  struct stat info;
  return stat(client_.socket().c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

CK_RV Module::OpenSession(CK_FLAGS flags, CK_SESSION_HANDLE* session) {
  if ((flags & CKF_SERIAL_SESSION) == 0) return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= kMostSessions) return CKR_SESSION_COUNT;
  sessions_[++last_session_].read_write = (flags & CKF_RW_SESSION) != 0;
  *session = last_session_;
  return CKR_OK;
}

CK_RV Module::CloseSession(CK_SESSION_HANDLE session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.erase(session) == 0) return CKR_SESSION_HANDLE_INVALID;
  // With the last session goes the login (5.6).
  if (sessions_.empty()) logged_in_ = false;
  return CKR_OK;
}

void Module::CloseAllSessions() {
  const std::lock_guard lock(mutex_);
  sessions_.clear();
  logged_in_ = false;
}

bool Module::HasSession(CK_SESSION_HANDLE session) {
  const std::lock_guard lock(mutex_);
  return sessions_.contains(session);
}

CK_RV Module::GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO* info) {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  *info = {};
  info->slotID = kSlot;
  info->flags = CKF_SERIAL_SESSION;
  if (at->second.read_write) {
    info->state = logged_in_ ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION;
    info->flags |= CKF_RW_SESSION;
  } else {
    info->state = logged_in_ ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
  }
  return CKR_OK;
}

CK_RV Module::Login(CK_SESSION_HANDLE session, CK_USER_TYPE user) {
  const std::lock_guard lock(mutex_);
  if (!sessions_.contains(session)) return CKR_SESSION_HANDLE_INVALID;
  // Nobody administers this token.
  if (user == CKU_SO) return CKR_SESSION_READ_ONLY_EXISTS;
  if (user != CKU_USER) return CKR_USER_TYPE_INVALID;
  if (logged_in_) return CKR_USER_ALREADY_LOGGED_IN;
  logged_in_ = true;
  return CKR_OK;
}

CK_RV Module::Logout(CK_SESSION_HANDLE session) {
  const std::lock_guard lock(mutex_);
  if (!sessions_.contains(session)) return CKR_SESSION_HANDLE_INVALID;
  if (!logged_in_) return CKR_USER_NOT_LOGGED_IN;
  logged_in_ = false;
  return CKR_OK;
}

CK_RV Module::Refresh() {
  const bool waits = WaitsForDaemon() && !objects_.IsFilled();
  const milliseconds time = waits ? ConnectTimeout(std::nullopt).value_or(kAnswerTime) : kAnswerTime;
  const auto answer = client_.ListSigningKeys(CallClock::now() + time, waits);
  if (answer.status.ok()) {
    objects_.Replace(MakeObjects(answer.value));
    return CKR_OK;
  }
  // A daemon that is being restarted has the keys that it had.
  return objects_.IsFilled() ? CKR_OK : ErrorOf(answer.status);
}

CK_RV Module::FindObjectsInit(CK_SESSION_HANDLE session, const CK_ATTRIBUTE* attributes, CK_ULONG count) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(session);
    if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
    if (at->second.found) return CKR_OPERATION_ACTIVE;
  }
  if (const CK_RV refreshed = Refresh(); refreshed != CKR_OK) return refreshed;
  auto found = objects_.Find(attributes, count);
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return CKR_SESSION_CLOSED;
  // Given out from behind.
  std::reverse(found.begin(), found.end());
  at->second.found = std::move(found);
  return CKR_OK;
}

CK_RV Module::FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG most, CK_ULONG* count) {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  if (!at->second.found) return CKR_OPERATION_NOT_INITIALIZED;
  std::vector<CK_OBJECT_HANDLE>& found = *at->second.found;
  for (*count = 0; *count < most && !found.empty(); ++*count) {
    objects[*count] = found.back();
    found.pop_back();
  }
  return CKR_OK;
}

CK_RV Module::FindObjectsFinal(CK_SESSION_HANDLE session) {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  if (!at->second.found) return CKR_OPERATION_NOT_INITIALIZED;
  at->second.found.reset();
  return CKR_OK;
}

CK_RV Module::GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes,
                                CK_ULONG count) {
  if (!HasSession(session)) return CKR_SESSION_HANDLE_INVALID;
  const auto found = objects_.Get(object);
  if (found == nullptr) return CKR_OBJECT_HANDLE_INVALID;
  CK_RV result = CKR_OK;
  // All are answered, whatever is wrong with some (5.7).
  for (CK_ULONG i = 0; i < count; ++i) {
    if (const CK_RV one = found->attributes.Fetch(attributes[i]); one != CKR_OK) result = one;
  }
  return result;
}

CK_RV Module::SignInit(CK_SESSION_HANDLE session, const CK_MECHANISM& mechanism, CK_OBJECT_HANDLE key) {
  const auto object = objects_.Get(key);
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  if (at->second.signing) return CKR_OPERATION_ACTIVE;
  if (object == nullptr) return CKR_KEY_HANDLE_INVALID;
  if (object->signer == nullptr) return CKR_KEY_TYPE_INCONSISTENT;
  return SignOperation::Begin(mechanism, object->signer, at->second.signing);
}

CK_RV Module::SignUpdate(CK_SESSION_HANDLE session, std::string_view part) {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(session);
  if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
  if (!at->second.signing) return CKR_OPERATION_NOT_INITIALIZED;
  const CK_RV result = at->second.signing->Update(part);
  if (result != CKR_OK) at->second.signing.reset();
  return result;
}

CK_RV Module::Sign(CK_SESSION_HANDLE session, std::optional<std::string_view> data, CK_BYTE* signature,
                   CK_ULONG* size) {
  v1::SignDigestRequest request;
  {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(session);
    if (at == sessions_.end()) return CKR_SESSION_HANDLE_INVALID;
    std::optional<SignOperation>& signing = at->second.signing;
    if (!signing) return CKR_OPERATION_NOT_INITIALIZED;
    const CK_ULONG needed = signing->signature_size();
    // Asking for the size, or with too little room, does not end the operation (5.2).
    if (signature == nullptr || *size < needed) {
      *size = needed;
      return signature == nullptr ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    }
    CK_RV result = data ? signing->Update(*data) : CKR_OK;
    if (result == CKR_OK) result = signing->Finish(request);
    signing.reset();
    if (result != CKR_OK) return result;
  }
  return SignWithDaemon(request, signature, size);
}

CK_RV Module::SignWithDaemon(const v1::SignDigestRequest& request, CK_BYTE* signature, CK_ULONG* size) {
  const auto answer = client_.SignDigest(request, CallClock::now() + kSigningTime);
  if (!answer.status.ok()) return ErrorOf(answer.status);
  const std::string& octets = answer.value.signature();
  if (octets.empty() || octets.size() > *size) return CKR_DEVICE_ERROR;
  std::copy(octets.begin(), octets.end(), signature);
  *size = octets.size();
  return CKR_OK;
}

}  // namespace ddskey
