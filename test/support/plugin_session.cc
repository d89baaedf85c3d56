#include "test/support/plugin_session.h"

#include <bit>
#include <cstring>
#include <utility>

#include "test/support/process.h"

namespace ddskey::test {
namespace {

DDS_Security_OctetSeq Octets(const std::string& text) {
  return {static_cast<uint32_t>(text.size()), static_cast<uint32_t>(text.size()),
          reinterpret_cast<DDS_Security_octet*>(const_cast<char*>(text.data()))};
}

std::string Text(const DDS_Security_octet* octets, size_t size) {
  return {reinterpret_cast<const char*>(octets), size};
}

}  // namespace

PluginSession::PluginSession(PluginParticipant& local, const Guid& remote_guid, const Token& remote_identity)
    : local_(local), remote_guid_(remote_guid), remote_identity_(remote_identity) {}

PluginSession::~PluginSession() {
  PluginError ignored;
  if (remote_ != 0) plugin()->return_identity_handle(plugin(), remote_, ignored.get());
}

PluginSession::Outcome PluginSession::Validate(const Token* received) {
  Outcome outcome;
  PluginError error;
  DDS_Security_GUID_t guid;
  memcpy(&guid, remote_guid_.data(), sizeof(guid));
  outcome.result = plugin()->validate_remote_identity(plugin(), &remote_, outcome.message.get(),
                                                      received == nullptr ? nullptr : received->get(), local_.handle(),
                                                      remote_identity_.get(), &guid, error.get());
  outcome.error = error.message();
  return outcome;
}

PluginSession::Outcome PluginSession::BeginRequest() {
  Outcome outcome;
  PluginError error;
  const DDS_Security_OctetSeq data = Octets(local_.participant_data());
  outcome.result = plugin()->begin_handshake_request(plugin(), &handshake_, outcome.message.get(), local_.handle(),
                                                     remote_, &data, error.get());
  outcome.error = error.message();
  return outcome;
}

PluginSession::Outcome PluginSession::BeginReply(const Token& request) {
  Outcome outcome;
  PluginError error;
  const DDS_Security_OctetSeq data = Octets(local_.participant_data());
  outcome.result = plugin()->begin_handshake_reply(plugin(), &handshake_, outcome.message.get(), request.get(), remote_,
                                                   local_.handle(), &data, error.get());
  outcome.error = error.message();
  return outcome;
}

PluginSession::Outcome PluginSession::Process(const Token& message) {
  Outcome outcome;
  PluginError error;
  outcome.result = plugin()->process_handshake(plugin(), outcome.message.get(), message.get(), handshake_, error.get());
  outcome.error = error.message();
  return outcome;
}

PluginSession::Secret PluginSession::SharedSecret() {
  PluginError error;
  const int64_t handle = plugin()->get_shared_secret(plugin(), handshake_, error.get());
  const auto* const secret = std::bit_cast<const DDS_Security_SharedSecretHandleImpl*>(handle);
  if (secret == nullptr) return {};
  return {Text(secret->shared_secret, static_cast<size_t>(secret->shared_secret_size)),
          Text(secret->challenge1, sizeof(secret->challenge1)), Text(secret->challenge2, sizeof(secret->challenge2))};
}

Token PluginSession::Credential() {
  Token credential;
  PluginError error;
  Token raw;
  if (plugin()->get_authenticated_peer_credential_token(plugin(), raw.get(), handshake_, error.get())) {
    credential = raw;
    plugin()->return_authenticated_peer_credential_token(plugin(), raw.get(), error.get());
    *raw.get() = {};
  }
  return credential;
}

PluginSession::Outcome Patiently(const std::function<PluginSession::Outcome()>& step, std::chrono::milliseconds limit) {
  PluginSession::Outcome outcome;
  WaitFor(
      [&] {
        outcome = step();
        return outcome.result != DDS_SECURITY_VALIDATION_PENDING_RETRY;
      },
      limit);
  return outcome;
}

HandshakeReport RunHandshake(PluginSession& first, PluginSession& second) {
  HandshakeReport report;
  const PluginSession::Outcome hello = first.Validate();
  const Token announced = hello.message.Transmitted();
  const PluginSession::Outcome answer = second.Validate(announced.class_id().empty() ? nullptr : &announced);
  report.first_initiated = hello.result == DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST;
  if (hello.result == DDS_SECURITY_VALIDATION_FAILED || answer.result == DDS_SECURITY_VALIDATION_FAILED ||
      hello.result == answer.result) {
    report.failure = "validate_remote_identity: " + hello.error + answer.error;
    return report;
  }
  PluginSession& initiator = report.first_initiated ? first : second;
  PluginSession& replier = report.first_initiated ? second : first;

  // Each step, and what it must come to.
  const auto advance = [&report](const char* name, const std::function<PluginSession::Outcome()>& step,
                                 PluginSession::Result expected, Token* message) {
    const PluginSession::Outcome outcome = Patiently(step);
    if (outcome.result != expected) {
      report.failure = std::string(name) + " gave " + std::to_string(outcome.result) + ": " + outcome.error;
      return false;
    }
    if (message != nullptr) *message = outcome.message.Transmitted();
    return true;
  };
  report.complete = advance(
                        "begin_handshake_request", [&] { return initiator.BeginRequest(); },
                        DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE, &report.request) &&
                    advance(
                        "begin_handshake_reply", [&] { return replier.BeginReply(report.request); },
                        DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE, &report.reply) &&
                    advance(
                        "process_handshake(Reply)", [&] { return initiator.Process(report.reply); },
                        DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE, &report.final_message) &&
                    advance(
                        "process_handshake(Final)", [&] { return replier.Process(report.final_message); },
                        DDS_SECURITY_VALIDATION_OK, nullptr);
  return report;
}

}  // namespace ddskey::test
