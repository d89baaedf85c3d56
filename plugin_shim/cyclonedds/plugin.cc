#include "plugin_shim/cyclonedds/plugin.h"

#include <sys/random.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "plugin_shim/core/local_identity.h"
#include "plugin_shim/cyclonedds/data_holder.h"
#include "plugin_shim/cyclonedds/dds_security.h"
#include "plugin_shim/cyclonedds/participant_qos.h"

namespace ddskey::cyclonedds {
namespace {

// DDS Security 9.3.2, 9.3.2.4.
constexpr char kClass[] = "DDS:Auth:PKI-DH:1.0";
constexpr std::string_view kClassFamily = "DDS:Auth:PKI-DH:1.";
constexpr char kAuthRequestClass[] = "DDS:Auth:PKI-DH:1.0+AuthReq";
constexpr char kFutureChallenge[] = "future_challenge";
constexpr size_t kChallengeSize = 32;

// 9.4.2.1: the credential token of access control.
constexpr std::string_view kPermissionsCredentialClass = "DDS:Access:PermissionsCredential";
constexpr std::string_view kPermissionsProperty = "dds.perm.cert";

// Cyclone DDS abandons a handshake after 100 s, and 0.10.2 then spins; a Request that cannot be made is given up
// before.
constexpr std::chrono::seconds kPatience(90);

Guid FromDdsGuid(const DDS_Security_GUID_t& from) {
  static_assert(sizeof(from) == std::tuple_size_v<Guid>);
  Guid guid;
  memcpy(guid.data(), &from, guid.size());
  return guid;
}

std::string NewChallenge() {
  std::string challenge(kChallengeSize, '\0');
  while (getrandom(challenge.data(), challenge.size(), 0) != static_cast<ssize_t>(challenge.size())) {
    if (errno != EINTR) throw std::runtime_error("the kernel gives no random numbers");
  }
  return challenge;
}

// The challenge that a peer announced, if it did so in due form.
std::string FutureChallenge(const DDS_Security_AuthRequestMessageToken& token) {
  const v1::DataHolder announcement = FromDds(token);
  for (const v1::BinaryProperty& property : announcement.binary_properties()) {
    if (property.name() == kFutureChallenge && property.value().size() == kChallengeSize) return property.value();
  }
  return {};
}

void AnnounceChallenge(const std::string& challenge, DDS_Security_AuthRequestMessageToken* token) {
  v1::DataHolder announcement;
  announcement.set_class_id(kAuthRequestClass);
  v1::BinaryProperty& property = *announcement.add_binary_properties();
  property.set_name(kFutureChallenge);
  property.set_value(challenge);
  DDS_Security_DataHolder_deinit(token);
  ToDds(announcement, true, token);
}

std::string Octets(const DDS_Security_OctetSeq& sequence) {
  if (sequence._buffer == nullptr) return {};
  return {reinterpret_cast<const char*>(sequence._buffer), sequence._length};
}

}  // namespace

Plugin::Result Plugin::ValidateLocalIdentity(int64_t* handle, DDS_Security_GUID_t* adjusted,
                                             DDS_Security_DomainId domain, const DDS_Security_Qos& qos,
                                             const DDS_Security_GUID_t& candidate, std::string* error) {
  std::vector<std::string> remarks;
  if (!JudgeProperties(qos, &remarks, error)) return DDS_SECURITY_VALIDATION_FAILED;
  for (const std::string& remark : remarks) log_->Warn(remark);
  std::optional<v1::ValidateLocalIdentityRequest> request = ReadIdentity(qos, error);
  if (!request) return DDS_SECURITY_VALIDATION_FAILED;
  const auto timeout = ConnectTimeout(FindProperty(qos, kConnectTimeoutProperty));
  if (!timeout) {
    *error = std::string(kConnectTimeoutProperty) + " (or DDSKEY_CONNECT_TIMEOUT_MS) is no number from 1 to 600000";
    return DDS_SECURITY_VALIDATION_FAILED;
  }
  request->set_candidate_guid(GuidOctets(FromDdsGuid(candidate)));
  request->set_domain_id(static_cast<uint32_t>(domain));
  std::shared_ptr<LocalIdentity> local = LocalIdentity::Validate(link_.client(), *std::move(request), *timeout, error);
  if (local == nullptr) return DDS_SECURITY_VALIDATION_FAILED;
  memcpy(adjusted, local->adjusted_guid().data(), sizeof(*adjusted));
  *handle = registry_.AddLocal(local);
  watch_.AddLocal(*handle, *local);
  return DDS_SECURITY_VALIDATION_OK;
}

bool Plugin::GetIdentityToken(int64_t local, DDS_Security_IdentityToken* token, std::string* error) {
  const std::shared_ptr<LocalIdentity> identity = registry_.Local(local);
  if (identity == nullptr) {
    *error = "this is no handle of a local identity";
    return false;
  }
  ToDds(identity->token(), false, token);
  return true;
}

bool Plugin::SetPermissions(int64_t local, const DDS_Security_PermissionsCredentialToken& credential,
                            std::string* error) {
  const std::shared_ptr<LocalIdentity> identity = registry_.Local(local);
  if (identity == nullptr) {
    *error = "this is no handle of a local identity";
    return false;
  }
  const v1::DataHolder holder = FromDds(credential);
  if (holder.class_id() != kPermissionsCredentialClass || holder.properties_size() == 0 ||
      holder.properties(0).name() != kPermissionsProperty) {
    *error = "this is no permissions credential";
    return false;
  }
  identity->set_permissions(holder.properties(0).value());
  return true;
}

Plugin::Result Plugin::ValidateRemoteIdentity(int64_t* remote, DDS_Security_AuthRequestMessageToken* local_request,
                                              const DDS_Security_AuthRequestMessageToken* remote_request, int64_t local,
                                              const DDS_Security_IdentityToken& token,
                                              const DDS_Security_GUID_t& guid) {
  const Guid remote_guid = FromDdsGuid(guid);
  *remote = registry_.AddRemote({remote_guid, token.class_id == nullptr ? "" : token.class_id});
  const std::shared_ptr<HostedHandshake> hosted = Pair(local, *remote).second;
  if (hosted == nullptr) {
    DDS_Security_set_token_nil(local_request);
    return DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE;
  }
  hosted->Rejuvenate();
  hosted->handshake().set_remote_future_challenge(remote_request == nullptr ? "" : FutureChallenge(*remote_request));
  // Who has heard the other's announcement need not make one.
  if (remote_request != nullptr) {
    DDS_Security_set_token_nil(local_request);
  } else {
    AnnounceChallenge(hosted->handshake().challenge(), local_request);
  }
  return hosted->handshake().local()->adjusted_guid() < remote_guid ? DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST
                                                                    : DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE;
}

std::pair<int64_t, std::shared_ptr<HostedHandshake>> Plugin::Pair(int64_t local, int64_t remote) {
  const std::shared_ptr<LocalIdentity> identity = registry_.Local(local);
  if (identity == nullptr) return {0, nullptr};
  return registry_.Pair(local, remote, [this, &identity](const RemoteIdentity& peer) {
    return std::make_shared<HostedHandshake>(
        std::make_unique<ddskey::Handshake>(link_.client(), link_.budget(), identity, peer.guid, NewChallenge()));
  });
}

std::pair<int64_t, std::shared_ptr<HostedHandshake>> Plugin::Begin(int64_t local, int64_t remote, std::string* error) {
  const std::shared_ptr<RemoteIdentity> peer = registry_.Remote(remote);
  if (peer == nullptr || !IsLocal(local)) {
    *error = "these are no handles of a local and a remote identity";
    return {0, nullptr};
  }
  if (!peer->token_class.starts_with(kClassFamily)) {
    *error = "the peer offers no identity of the class " + std::string(kClass);
    return {0, nullptr};
  }
  return Pair(local, remote);
}

Plugin::Result Plugin::BeginHandshakeRequest(int64_t* handshake, DDS_Security_HandshakeMessageToken* message,
                                             int64_t local, int64_t remote,
                                             const DDS_Security_OctetSeq& participant_data, std::string* error) {
  const auto [handle, hosted] = Begin(local, remote, error);
  if (hosted == nullptr) return DDS_SECURITY_VALIDATION_FAILED;
  const StepOutcome outcome = hosted->handshake().BeginRequest(Octets(participant_data));
  if (outcome.kind != StepOutcome::Kind::kDone) {
    const Result result = NotDone(outcome, error);
    if (result != DDS_SECURITY_VALIDATION_PENDING_RETRY || hosted->Age() < kPatience) return result;
    *error = outcome.sentence + "; this peer is given up until it is discovered anew";
    return DDS_SECURITY_VALIDATION_FAILED;
  }
  ToDds(outcome.step.message(), true, message);
  *handshake = handle;
  return DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE;
}

Plugin::Result Plugin::BeginHandshakeReply(int64_t* handshake, DDS_Security_HandshakeMessageToken* message,
                                           const DDS_Security_HandshakeMessageToken& request, int64_t local,
                                           int64_t remote, const DDS_Security_OctetSeq& participant_data,
                                           std::string* error) {
  const auto [handle, hosted] = Begin(local, remote, error);
  if (hosted == nullptr) return DDS_SECURITY_VALIDATION_FAILED;
  const StepOutcome outcome = hosted->handshake().BeginReply(Octets(participant_data), FromDds(request));
  if (outcome.kind != StepOutcome::Kind::kDone) return NotDone(outcome, error);
  ToDds(outcome.step.message(), true, message);
  *handshake = handle;
  return DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE;
}

Plugin::Result Plugin::ProcessHandshake(DDS_Security_HandshakeMessageToken* out,
                                        const DDS_Security_HandshakeMessageToken& in, int64_t handshake,
                                        std::string* error) {
  const std::shared_ptr<HostedHandshake> hosted = registry_.Handshake(handshake);
  if (hosted == nullptr) {
    *error = "this is no handle of a handshake";
    return DDS_SECURITY_VALIDATION_FAILED;
  }
  StepOutcome outcome = hosted->handshake().Process(FromDds(in));
  if (outcome.kind != StepOutcome::Kind::kDone) return NotDone(outcome, error);
  if (!outcome.repeated && !hosted->Keep(outcome.step)) {
    *error = "ddskeyd at " + link_.socket() + " gave no shared secret; see journalctl -u ddskeyd";
    return DDS_SECURITY_VALIDATION_FAILED;
  }
  if (!outcome.repeated) {
    const auto [local, remote] = registry_.IdentitiesOf(handshake);
    watch_.AddPeer(local, remote, outcome.step.result());
  }
  *out = {};
  if (!outcome.step.has_message()) return DDS_SECURITY_VALIDATION_OK;
  ToDds(outcome.step.message(), true, out);
  return DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE;
}

Plugin::Result Plugin::NotDone(const StepOutcome& outcome, std::string* error) {
  *error = outcome.sentence;
  if (outcome.kind == StepOutcome::Kind::kRefused) return DDS_SECURITY_VALIDATION_FAILED;
  log_->Warn(outcome.sentence);
  return DDS_SECURITY_VALIDATION_PENDING_RETRY;
}

DDS_Security_SharedSecretHandle Plugin::GetSharedSecret(int64_t handshake, std::string* error) {
  const std::shared_ptr<HostedHandshake> hosted = registry_.Handshake(handshake);
  const DDS_Security_SharedSecretHandle secret = hosted == nullptr ? DDS_SECURITY_HANDLE_NIL : hosted->secret_handle();
  if (secret == DDS_SECURITY_HANDLE_NIL) *error = "this is no handle of a completed handshake";
  return secret;
}

bool Plugin::GetPeerCredential(int64_t handshake, DDS_Security_AuthenticatedPeerCredentialToken* token,
                               std::string* error) {
  const std::shared_ptr<HostedHandshake> hosted = registry_.Handshake(handshake);
  const std::optional<PeerCredential> credential = hosted == nullptr ? std::nullopt : hosted->credential();
  if (!credential) {
    *error = "this is no handle of a completed handshake";
    return false;
  }
  // Access control reads two strings here (9.3.2.3.2).
  v1::DataHolder holder;
  holder.set_class_id(kClass);
  v1::Property* property = holder.add_properties();
  property->set_name("c.id");
  property->set_value(credential->certificate);
  property = holder.add_properties();
  property->set_name("c.perm");
  property->set_value(credential->permissions);
  ToDds(holder, false, token);
  return true;
}

bool Plugin::ReturnIdentity(int64_t handle) {
  watch_.Remove(handle);
  return registry_.ReturnIdentity(handle);
}

void Plugin::SetListener(const dds_security_authentication* plugin,
                         const dds_security_authentication_listener* listener) {
  if (listener == nullptr || listener->on_revoke_identity == nullptr) {
    watch_.Stop();
    return;
  }
  const auto revoke = listener->on_revoke_identity;
  watch_.Listen({.revoke = [plugin, revoke](int64_t handle) { revoke(plugin, handle); },
                 .warn = [log = log_](const std::string& sentence) { log->Warn(sentence); }});
}

}  // namespace ddskey::cyclonedds
