#ifndef TEST_SUPPORT_PLUGIN_SESSION_H_
#define TEST_SUPPORT_PLUGIN_SESSION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "plugin_shim/cyclonedds/dds_security.h"
#include "test/support/plugin_host.h"
#include "test/support/plugin_token.h"

namespace ddskey::test {

// PluginSession is what the core of Cyclone DDS keeps for a local and a remote participant while they authenticate.
class PluginSession {
 public:
  using Result = DDS_Security_ValidationResult_t;

  // Outcome is what a step of the handshake came to.
  struct Outcome {
    Result result = DDS_SECURITY_VALIDATION_FAILED;
    // To be sent to the peer.
    Token message;
    std::string error;
  };

  // Secret is the content of a shared secret handle.
  struct Secret {
    std::string secret;
    std::string challenge1;
    std::string challenge2;
    friend bool operator==(const Secret&, const Secret&) = default;
  };

  // `local` must outlive the session; of the peer it knows what discovery tells.
  PluginSession(PluginParticipant& local, const Guid& remote_guid, const Token& remote_identity);
  PluginSession(PluginParticipant& local, const PluginParticipant& remote)
      : PluginSession(local, remote.guid(), remote.identity_token()) {}
  // Returns the remote identity's handle.
  ~PluginSession();
  PluginSession(const PluginSession&) = delete;
  PluginSession& operator=(const PluginSession&) = delete;

  // Validate calls validate_remote_identity; `received` is the peer's announcement, or null.
  Outcome Validate(const Token* received = nullptr);
  Outcome BeginRequest();
  Outcome BeginReply(const Token& request);
  Outcome Process(const Token& message);

  // SharedSecret and Credential are those of the completed handshake, or empty.
  Secret SharedSecret();
  Token Credential();

  int64_t remote_handle() const { return remote_; }
  int64_t handshake_handle() const { return handshake_; }

 private:
  dds_security_authentication* plugin() const { return local_.host().plugin(); }

  PluginParticipant& local_;
  const Guid remote_guid_;
  const Token remote_identity_;
  int64_t remote_ = 0;
  int64_t handshake_ = 0;
};

// Patiently repeats a step as the core does while it is pending, only sooner, and returns its last outcome.
PluginSession::Outcome Patiently(const std::function<PluginSession::Outcome()>& step,
                                 std::chrono::milliseconds limit = std::chrono::seconds(20));

// HandshakeReport is how far a handshake between two sessions came.
struct HandshakeReport {
  bool complete = false;
  // The step that failed and its error.
  std::string failure;
  // Whether the first of the two sessions was the initiator.
  bool first_initiated = false;
  Token request;
  Token reply;
  Token final_message;
};

// RunHandshake leads two sessions, which may be of different plugins, through discovery and handshake.
HandshakeReport RunHandshake(PluginSession& first, PluginSession& second);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PLUGIN_SESSION_H_
