// What Cyclone DDS calls: every pointer is checked, no exception leaves, and each function is a translation.

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#include "dds/ddsrt/heap.h"
#include "plugin_shim/cyclonedds/dds_security.h"
#include "plugin_shim/cyclonedds/host_log.h"
#include "plugin_shim/cyclonedds/plugin.h"

namespace ddskey::cyclonedds {
namespace {

// Instance is what the host holds: its table of functions first.
struct Instance {
  explicit Instance(const dds_security_authentication& functions) : table(functions), plugin(new Plugin()) {}
  ~Instance() { delete plugin; }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  dds_security_authentication table;
  // A plain pointer, so that the table is where the whole is.
  Plugin* const plugin;
};
static_assert(std::is_standard_layout_v<Instance>);

Plugin& PluginOf(dds_security_authentication* instance) { return *reinterpret_cast<Instance*>(instance)->plugin; }

// Guard runs `body`, which fills its argument if it fails, and turns failures and exceptions into the host's.
template <typename Result, typename Body>
Result Guard(const char* operation, Result failed, DDS_Security_SecurityException* exception, const Body& body) {
  try {
    std::string error;
    const Result result = body(&error);
    if (result == failed) SetException(exception, std::string(operation) + ": " + error);
    return result;
  } catch (const std::exception& problem) {
    if (exception != nullptr) {
      DDS_Security_Exception_set(exception, "ddskey", DDS_SECURITY_ERR_UNDEFINED_CODE, DDS_SECURITY_VALIDATION_FAILED,
                                 "%s: %s", operation, problem.what());
    }
  } catch (...) {
    if (exception != nullptr) {
      DDS_Security_Exception_set(exception, "ddskey", DDS_SECURITY_ERR_UNDEFINED_CODE, DDS_SECURITY_VALIDATION_FAILED,
                                 "%s: unknown failure", operation);
    }
  }
  return failed;
}

template <typename... Pointers>
bool AnyNull(const Pointers*... pointers) {
  return ((pointers == nullptr) || ...);
}

template <typename Result>
Result Refuse(const char* operation, Result failed, DDS_Security_SecurityException* exception) {
  return Guard(operation, failed, exception, [failed](std::string* error) {
    *error = "an argument is missing";
    return failed;
  });
}

constexpr DDS_Security_ValidationResult_t kFailed = DDS_SECURITY_VALIDATION_FAILED;
constexpr DDS_Security_boolean kFalse = 0;

DDS_Security_ValidationResult_t ValidateLocalIdentity(dds_security_authentication* instance,
                                                      DDS_Security_IdentityHandle* handle,
                                                      DDS_Security_GUID_t* adjusted, DDS_Security_DomainId domain,
                                                      const DDS_Security_Qos* qos, const DDS_Security_GUID_t* candidate,
                                                      DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "validate_local_identity";
  if (AnyNull(instance, handle, adjusted, qos, candidate)) return Refuse(kName, kFailed, exception);
  return Guard(kName, kFailed, exception, [&](std::string* error) {
    return PluginOf(instance).ValidateLocalIdentity(handle, adjusted, domain, *qos, *candidate, error);
  });
}

DDS_Security_boolean GetIdentityToken(dds_security_authentication* instance, DDS_Security_IdentityToken* token,
                                      DDS_Security_IdentityHandle handle, DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "get_identity_token";
  if (AnyNull(instance, token)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    return PluginOf(instance).GetIdentityToken(handle, token, error);
  });
}

// The core asks for no status and shows its plugins none of a peer; what an OCSP responder says is in the messages of
// the handshake. The token stays as the host made it.
DDS_Security_boolean GetIdentityStatusToken(dds_security_authentication* instance,
                                            DDS_Security_IdentityStatusToken* token, DDS_Security_IdentityHandle handle,
                                            DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "get_identity_status_token";
  if (AnyNull(instance, token)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    *error = "this is no handle of a local identity";
    return PluginOf(instance).IsLocal(handle);
  });
}

DDS_Security_boolean SetPermissionsCredentialAndToken(dds_security_authentication* instance,
                                                      DDS_Security_IdentityHandle handle,
                                                      const DDS_Security_PermissionsCredentialToken* credential,
                                                      const DDS_Security_PermissionsToken* token,
                                                      DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "set_permissions_credential_and_token";
  if (AnyNull(instance, credential, token)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    return PluginOf(instance).SetPermissions(handle, *credential, error);
  });
}

DDS_Security_ValidationResult_t ValidateRemoteIdentity(
    dds_security_authentication* instance, DDS_Security_IdentityHandle* remote,
    DDS_Security_AuthRequestMessageToken* local_request, const DDS_Security_AuthRequestMessageToken* remote_request,
    DDS_Security_IdentityHandle local, const DDS_Security_IdentityToken* token, const DDS_Security_GUID_t* guid,
    DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "validate_remote_identity";
  // The host reads both whatever the outcome.
  if (remote != nullptr) *remote = DDS_SECURITY_HANDLE_NIL;
  if (local_request != nullptr && local_request->class_id == nullptr) DDS_Security_set_token_nil(local_request);
  if (AnyNull(instance, remote, local_request, token, guid)) return Refuse(kName, kFailed, exception);
  return Guard(kName, kFailed, exception, [&](std::string* /*error*/) {
    return PluginOf(instance).ValidateRemoteIdentity(remote, local_request, remote_request, local, *token, *guid);
  });
}

DDS_Security_ValidationResult_t BeginHandshakeRequest(dds_security_authentication* instance,
                                                      DDS_Security_HandshakeHandle* handshake,
                                                      DDS_Security_HandshakeMessageToken* message,
                                                      DDS_Security_IdentityHandle initiator,
                                                      DDS_Security_IdentityHandle replier,
                                                      const DDS_Security_OctetSeq* participant_data,
                                                      DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "begin_handshake_request";
  if (AnyNull(instance, handshake, message, participant_data)) return Refuse(kName, kFailed, exception);
  return Guard(kName, kFailed, exception, [&](std::string* error) {
    return PluginOf(instance).BeginHandshakeRequest(handshake, message, initiator, replier, *participant_data, error);
  });
}

DDS_Security_ValidationResult_t BeginHandshakeReply(
    dds_security_authentication* instance, DDS_Security_HandshakeHandle* handshake,
    DDS_Security_HandshakeMessageToken* out, const DDS_Security_HandshakeMessageToken* in,
    DDS_Security_IdentityHandle initiator, DDS_Security_IdentityHandle replier,
    const DDS_Security_OctetSeq* participant_data, DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "begin_handshake_reply";
  if (AnyNull(instance, handshake, out, in, participant_data)) return Refuse(kName, kFailed, exception);
  return Guard(kName, kFailed, exception, [&](std::string* error) {
    return PluginOf(instance).BeginHandshakeReply(handshake, out, *in, replier, initiator, *participant_data, error);
  });
}

DDS_Security_ValidationResult_t ProcessHandshake(dds_security_authentication* instance,
                                                 DDS_Security_HandshakeMessageToken* out,
                                                 const DDS_Security_HandshakeMessageToken* in,
                                                 DDS_Security_HandshakeHandle handshake,
                                                 DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "process_handshake";
  if (AnyNull(instance, out, in)) return Refuse(kName, kFailed, exception);
  return Guard(kName, kFailed, exception,
               [&](std::string* error) { return PluginOf(instance).ProcessHandshake(out, *in, handshake, error); });
}

DDS_Security_SharedSecretHandle GetSharedSecret(dds_security_authentication* instance,
                                                DDS_Security_HandshakeHandle handshake,
                                                DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "get_shared_secret";
  constexpr DDS_Security_SharedSecretHandle kNone = DDS_SECURITY_HANDLE_NIL;
  if (AnyNull(instance)) return Refuse(kName, kNone, exception);
  return Guard(kName, kNone, exception,
               [&](std::string* error) { return PluginOf(instance).GetSharedSecret(handshake, error); });
}

DDS_Security_boolean GetAuthenticatedPeerCredentialToken(dds_security_authentication* instance,
                                                         DDS_Security_AuthenticatedPeerCredentialToken* token,
                                                         DDS_Security_HandshakeHandle handshake,
                                                         DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "get_authenticated_peer_credential_token";
  if (AnyNull(instance, token)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    return PluginOf(instance).GetPeerCredential(handshake, token, error);
  });
}

// The host takes the listener back with a null one.
DDS_Security_boolean SetListener(dds_security_authentication* instance,
                                 const dds_security_authentication_listener* listener,
                                 DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "set_listener";
  if (AnyNull(instance)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* /*error*/) -> DDS_Security_boolean {
    PluginOf(instance).SetListener(instance, listener);
    return 1;
  });
}

// The host frees identity tokens itself.
DDS_Security_boolean ReturnIdentityToken(dds_security_authentication* instance, const DDS_Security_IdentityToken* token,
                                         DDS_Security_SecurityException* exception) {
  if (AnyNull(instance, token)) return Refuse("return_identity_token", kFalse, exception);
  return 1;
}

DDS_Security_boolean ReturnIdentityStatusToken(dds_security_authentication* instance,
                                               const DDS_Security_IdentityStatusToken* token,
                                               DDS_Security_SecurityException* exception) {
  if (AnyNull(instance, token)) return Refuse("return_identity_status_token", kFalse, exception);
  return 1;
}

DDS_Security_boolean ReturnAuthenticatedPeerCredentialToken(dds_security_authentication* instance,
                                                            const DDS_Security_AuthenticatedPeerCredentialToken* token,
                                                            DDS_Security_SecurityException* exception) {
  if (AnyNull(instance, token)) return Refuse("return_authenticated_peer_credential_token", kFalse, exception);
  DDS_Security_DataHolder_deinit(const_cast<DDS_Security_AuthenticatedPeerCredentialToken*>(token));
  return 1;
}

DDS_Security_boolean ReturnHandshakeHandle(dds_security_authentication* instance,
                                           DDS_Security_HandshakeHandle handshake,
                                           DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "return_handshake_handle";
  if (AnyNull(instance)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    *error = "this is no handle of a handshake";
    return PluginOf(instance).ReturnHandshake(handshake);
  });
}

DDS_Security_boolean ReturnIdentityHandle(dds_security_authentication* instance, DDS_Security_IdentityHandle identity,
                                          DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "return_identity_handle";
  if (AnyNull(instance)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    *error = "this is no handle of an identity";
    return PluginOf(instance).ReturnIdentity(identity);
  });
}

// The secret itself goes with the identities of its handshake.
DDS_Security_boolean ReturnSharedSecretHandle(dds_security_authentication* instance,
                                              DDS_Security_SharedSecretHandle secret,
                                              DDS_Security_SecurityException* exception) {
  constexpr char kName[] = "return_sharedsecret_handle";
  if (AnyNull(instance)) return Refuse(kName, kFalse, exception);
  return Guard(kName, kFalse, exception, [&](std::string* error) -> DDS_Security_boolean {
    *error = "this is no handle of a shared secret";
    return PluginOf(instance).KnowsSecret(secret);
  });
}

dds_security_authentication Table(ddsi_domaingv* domain) {
  dds_security_authentication table{};
  table.gv = domain;
  table.validate_local_identity = &ValidateLocalIdentity;
  table.get_identity_token = &GetIdentityToken;
  table.get_identity_status_token = &GetIdentityStatusToken;
  table.set_permissions_credential_and_token = &SetPermissionsCredentialAndToken;
  table.validate_remote_identity = &ValidateRemoteIdentity;
  table.begin_handshake_request = &BeginHandshakeRequest;
  table.begin_handshake_reply = &BeginHandshakeReply;
  table.process_handshake = &ProcessHandshake;
  table.get_shared_secret = &GetSharedSecret;
  table.get_authenticated_peer_credential_token = &GetAuthenticatedPeerCredentialToken;
  table.set_listener = &SetListener;
  table.return_identity_token = &ReturnIdentityToken;
  table.return_identity_status_token = &ReturnIdentityStatusToken;
  table.return_authenticated_peer_credential_token = &ReturnAuthenticatedPeerCredentialToken;
  table.return_handshake_handle = &ReturnHandshakeHandle;
  table.return_identity_handle = &ReturnIdentityHandle;
  table.return_sharedsecret_handle = &ReturnSharedSecretHandle;
  return table;
}

}  // namespace
}  // namespace ddskey::cyclonedds

extern "C" {

// init_authentication makes the plugin of a domain; `argument` is not used. 0, or -1 if that fails.
__attribute__((visibility("default"))) int32_t init_authentication(const char* /*argument*/, void** context,
                                                                   ddsi_domaingv* domain) {
  using ddskey::cyclonedds::Instance;
  if (context == nullptr) return DDS_SECURITY_FAILED;
  *context = nullptr;
  try {
    auto instance = std::make_unique<Instance>(ddskey::cyclonedds::Table(domain));
    *context = instance.release();
    return DDS_SECURITY_SUCCESS;
  } catch (...) {
    return DDS_SECURITY_FAILED;
  }
}

// finalize_authentication ends it; the host returns no handle and reads no secret afterwards.
__attribute__((visibility("default"))) int32_t finalize_authentication(void* context) {
  auto* const instance = static_cast<ddskey::cyclonedds::Instance*>(context);
  if (instance == nullptr) return DDS_SECURITY_SUCCESS;
  delete instance;
  return DDS_SECURITY_SUCCESS;
}
}
