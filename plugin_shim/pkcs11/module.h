#ifndef PLUGIN_SHIM_PKCS11_MODULE_H_
#define PLUGIN_SHIM_PKCS11_MODULE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/call_status.h"
#include "client/signing_client.h"
#include "plugin_shim/pkcs11/cryptoki.h"
#include "plugin_shim/pkcs11/object_table.h"
#include "plugin_shim/pkcs11/sign_operation.h"

namespace ddskey {

// Module is what the functions of PKCS #11 work with in one process: one slot with one token, the sessions, the
// objects. A process that was forked from another one has none until it calls C_Initialize, as the standard says; no
// lock of the parent's can be in its way. Methods take and return what the functions do; whatever else a function has
// to say is in entry_points.cc. Thread-safe.
class Module {
 public:
  // The only slot. Programs may keep its number over forks and restarts.
  static constexpr CK_SLOT_ID kSlot = 1;

  // Initialize and Finalize are C_Initialize and C_Finalize (5.4), whose arguments were looked at; Current is null
  // outside of them.
  static CK_RV Initialize();
  static CK_RV Finalize();
  static Module* Current();

  // IsPresent is whether a daemon has its socket here.
  bool IsPresent() const;

  CK_RV OpenSession(CK_FLAGS flags, CK_SESSION_HANDLE* session);
  CK_RV CloseSession(CK_SESSION_HANDLE session);
  void CloseAllSessions();
  CK_RV GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO* info);
  // No PIN is needed, looked at or kept; who may use which key is policy's business.
  CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user);
  CK_RV Logout(CK_SESSION_HANDLE session);

  CK_RV FindObjectsInit(CK_SESSION_HANDLE session, const CK_ATTRIBUTE* attributes, CK_ULONG count);
  CK_RV FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG most, CK_ULONG* count);
  CK_RV FindObjectsFinal(CK_SESSION_HANDLE session);
  CK_RV GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes, CK_ULONG count);

  CK_RV SignInit(CK_SESSION_HANDLE session, const CK_MECHANISM& mechanism, CK_OBJECT_HANDLE key);
  CK_RV SignUpdate(CK_SESSION_HANDLE session, std::string_view part);
  // Sign is C_Sign with `data`, or C_SignFinal with nothing.
  CK_RV Sign(CK_SESSION_HANDLE session, std::optional<std::string_view> data, CK_BYTE* signature, CK_ULONG* size);

  // HasSession is for functions that only ask that.
  bool HasSession(CK_SESSION_HANDLE session);

 private:
  struct Session {
    // Programs that only read ask for such sessions, too; writing is refused where it is tried.
    bool read_write = false;
    // What a search has found and not given out yet.
    std::optional<std::vector<CK_OBJECT_HANDLE>> found;
    std::optional<SignOperation> signing;
  };

  explicit Module(uint64_t generation);

  // Refresh asks the daemon for its keys.
  CK_RV Refresh();
  CK_RV SignWithDaemon(const v1::SignDigestRequest& request, CK_BYTE* signature, CK_ULONG* size);

  static constexpr size_t kMostSessions = 1024;
  const uint64_t generation_;
  SigningClient client_;
  ObjectTable objects_;
  std::mutex mutex_;
  // Between C_Initialize and C_Finalize.
  bool initialized_ = false;
  bool logged_in_ = false;
  CK_SESSION_HANDLE last_session_ = 0;
  std::map<CK_SESSION_HANDLE, Session> sessions_;
  // Of the process that this one was forked from; its locks may be held for ever.
  Module* const parent_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_MODULE_H_
