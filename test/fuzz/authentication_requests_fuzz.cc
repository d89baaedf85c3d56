// Requests of participants (proto/ddskey/v1/authentication.proto) to the daemon behind its socket.
// An input is a script of calls (rpc_daemon.h), in any order. Two participants, alice and bob, have keys.
// {NAME.ticket}, {NAME.guid}, {NAME.data} and {NAME.certificate} are of one of them; {handshakeN}, {signN},
// {peerN} and {messageN} are the tickets and the message that call N answered with, {partsN} the same message without
// its last property.

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "ddskey/v1/admin.pb.h"
#include "ddskey/v1/authentication.pb.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/fuzz/rpc_daemon.h"
#include "test/support/pki.h"

namespace ddskey::fuzz {
namespace {

constexpr uint32_t kDomain = 7;

RpcDaemon::Answer Ask(const std::string& method, const std::string& request) {
  return RpcDaemon::Get().Call("AuthenticationService", method, request);
}

// Party is a participant with its key.
struct Party {
  std::string certificate;
  std::string ticket;
  std::string guid;
  std::string data;
};

std::string DerOf(const std::string& public_key_pem) {
  std::string base64;
  for (const std::string_view line : Lines(public_key_pem)) {
    if (!line.starts_with("-----")) base64 += line;
  }
  std::string der;
  Require(absl::Base64Unescape(base64, &der), "a public key is PEM");
  return der;
}

Party MakeParty(const test::TestCa& ca, const std::string& name) {
  RpcDaemon& daemon = RpcDaemon::Get();
  v1::CreateKeyRequest create;
  create.set_name(name);
  v1::CreateKeyResponse created;
  created.ParseFromString(daemon.Call("AdminService", "CreateKey", create.SerializeAsString()).response);
  test::CertificateOptions options;
  options.subject = {{"CN", name}};
  Party party;
  party.certificate = ca.Issue(DerOf(created.key().public_key_pem()), options);
  v1::InstallCertificateRequest install;
  install.set_key_name(name);
  install.set_certificate_chain(party.certificate);
  install.set_anchors(ca.certificate());
  Require(daemon.Call("AdminService", "InstallCertificate", install.SerializeAsString()).code == grpc::OK, "setup");
  v1::ValidateLocalIdentityRequest validate;
  validate.set_key_name(name);
  validate.set_candidate_guid(name + std::string(16 - name.size(), 'c'));
  validate.set_domain_id(kDomain);
  validate.set_identity_certificate(party.certificate);
  v1::ValidateLocalIdentityResponse validated;
  validated.ParseFromString(Ask("ValidateLocalIdentity", validate.SerializeAsString()).response);
  party.ticket = validated.identity_ticket();
  party.guid = validated.adjusted_guid();
  Require(party.guid.size() == 16, "setup");
  party.data = std::string("\0\x50\0\x10", 4) + party.guid + std::string("\0\1\0\0", 4);
  return party;
}

const std::map<std::string, Party>& Parties() {
  static const test::TestCa& ca = *new test::TestCa(test::TestCa::Root("identity CA"));
  static const auto& parties =
      *new std::map<std::string, Party>{{"alice", MakeParty(ca, "alice")}, {"bob", MakeParty(ca, "bob")}};
  return parties;
}

// Conversation is what was answered so far.
class Conversation {
 public:
  Conversation() {
    for (const auto& [name, party] : Parties()) identities_[party.ticket] = party.guid;
  }

  void Say(const RequestText& text) {
    const std::string request = Serialize(text, [this](const std::string& name) { return Expand(name); });
    v1::HandshakeStep step;
    if (text.method == "ValidateLocalIdentity") {
      Validate(request);
    } else if (text.method == "BeginHandshakeRequest") {
      Begin<v1::BeginHandshakeRequestRequest>(text.method, request, step);
    } else if (text.method == "BeginHandshakeReply") {
      Begin<v1::BeginHandshakeReplyRequest>(text.method, request, step);
    } else if (text.method == "ProcessHandshake") {
      Process(request, step);
    } else if (text.method == "SignHandshake") {
      Sign(request, step);
    } else if (text.method == "CheckPeers") {
      Check(request);
    } else if (text.method == "Watch") {
      v1::WatchRequest sent;
      v1::WatchResponse response;
      if (AskFor("Watch", request, sent, response)) Require(response.revision() != 0, "there is always a revision");
    } else {
      Require(Ask(text.method, request).code != grpc::OK, "there are no other methods");
    }
    CheckStep(step);
    steps_.push_back(std::move(step));
  }

 private:
  std::string Expand(const std::string& name) const {
    for (const auto& [who, party] : Parties()) {
      if (name == who + ".ticket") return party.ticket;
      if (name == who + ".guid") return party.guid;
      if (name == who + ".data") return party.data;
      if (name == who + ".certificate") return party.certificate;
    }
    const size_t digits = name.find_first_of("0123456789");
    if (digits == std::string::npos || steps_.empty()) return "{" + name + "}";
    const v1::HandshakeStep& step = steps_[Number(name.substr(digits)) % steps_.size()];
    const std::string what = name.substr(0, digits);
    if (what == "handshake") return step.handshake_ticket();
    if (what == "sign") return step.sign_ticket();
    if (what == "peer") return step.result().peer_ticket();
    if (what == "message") return step.message().SerializeAsString();
    v1::DataHolder parts = step.message();
    if (parts.binary_properties_size() > 0) parts.mutable_binary_properties()->RemoveLast();
    return parts.SerializeAsString();
  }

  // AskFor calls a method and checks the code of its answer; true if that is OK.
  template <typename Request, typename Response>
  static bool AskFor(const std::string& method, const std::string& octets, Request& request, Response& response) {
    const bool well_formed = request.ParseFromString(octets);
    const RpcDaemon::Answer answer = Ask(method, octets);
    switch (answer.code) {
      case grpc::OK:
        Require(well_formed, "what is no message is refused");
        Require(response.ParseFromString(answer.response), "an answer is a message");
        return true;
      case grpc::INVALID_ARGUMENT:
      case grpc::PERMISSION_DENIED:
      case grpc::FAILED_PRECONDITION:
      case grpc::RESOURCE_EXHAUSTED:
        return false;
      default:
        // gRPC refuses what cannot be parsed, before any handler.
        Require(!well_formed, "a refusal has a code that the caller can act on");
        return false;
    }
  }

  // GuidOf is who an identity ticket was given to. The planted bug: what is behind a ticket is not looked at.
  const std::string* GuidOf(const std::string& ticket) const {
    const auto found = identities_.find(ticket);
    return found == identities_.end() ? nullptr : &found->second;
  }
  std::string Planted(const std::string& octets) const {
    for (const auto& [ticket, guid] : identities_) {
      const size_t at = octets.find(ticket);
      const size_t size = at == 3 ? octets.size() : 0;
      // Field 1 with a ticket and a few octets more, its length in two octets.
      const size_t said =
          size == 0 ? 0 : (static_cast<uint8_t>(octets[1]) & 0x7f) | static_cast<uint8_t>(octets[2]) << 7;
      if (said <= ticket.size() || said > ticket.size() + 16 || size < 3 + said) continue;
      std::string mended = octets;
      mended[1] = static_cast<char>((ticket.size() & 0x7f) | 0x80);
      mended[2] = static_cast<char>(ticket.size() >> 7);
      return mended.erase(3 + ticket.size(), said - ticket.size());
    }
    return octets;
  }

  void Validate(const std::string& octets) {
    v1::ValidateLocalIdentityRequest request;
    v1::ValidateLocalIdentityResponse response;
    if (!AskFor("ValidateLocalIdentity", octets, request, response)) return;
    Require(Parties().contains(request.key_name()), "only keys that exist are used");
    Require(request.domain_id() <= 232, "only domains that exist are joined");
    Require(response.adjusted_guid().size() == 16, "an identity has a GUID");
    identities_[response.identity_ticket()] = response.adjusted_guid();
  }

  template <typename Request>
  void Begin(const std::string& method, const std::string& octets, v1::HandshakeStep& step) {
    Request request;
    Request sent;
    if (!AskFor(method, planted_bug ? Planted(octets) : octets, sent, step)) return;
    request.ParseFromString(octets);
    const std::string* const guid = GuidOf(request.identity_ticket());
    Require(guid != nullptr, "S-5: only who has an identity begins");
    Require(request.participant_data().find(*guid) != std::string::npos, "S-7: a participant speaks for itself");
    Require(request.challenge().size() == 32 && request.remote_guid().size() == 16, "values have their sizes");
  }

  void Process(const std::string& octets, v1::HandshakeStep& step) {
    v1::ProcessHandshakeRequest request;
    if (!AskFor("ProcessHandshake", octets, request, step)) return;
    Require(GuidOf(request.identity_ticket()) != nullptr, "S-5: only who has an identity goes on");
    Require(handshakes_.contains(request.handshake_ticket()), "S-5: no ticket opens that was altered");
  }

  void Sign(const std::string& octets, v1::HandshakeStep& step) {
    v1::SignHandshakeRequest request;
    if (!AskFor("SignHandshake", octets, request, step)) return;
    Require(GuidOf(request.identity_ticket()) != nullptr, "S-5: only who has an identity signs");
    Require(signatures_.contains(request.sign_ticket()), "S-5: no ticket opens that was altered");
  }

  void Check(const std::string& octets) {
    v1::CheckPeersRequest request;
    v1::CheckPeersResponse response;
    if (!AskFor("CheckPeers", octets, request, response)) return;
    Require(GuidOf(request.identity_ticket()) != nullptr, "S-5: only who has an identity asks");
    Require(response.revision() != 0, "there is always a revision");
    Require(response.identity_refused().empty(), "nobody's right was withdrawn");
    Require(response.verdict_size() == request.peer_ticket_size(), "there is a verdict for each ticket");
    for (int i = 0; i < response.verdict_size(); ++i) {
      const bool known = peers_.contains(request.peer_ticket(i));
      Require(response.verdict(i).outcome() == (known ? v1::PeerVerdict::GOOD : v1::PeerVerdict::UNKNOWN_TICKET),
              "S-5: no ticket opens that was altered");
    }
  }

  void CheckStep(const v1::HandshakeStep& step) {
    if (!step.handshake_ticket().empty()) handshakes_.insert(step.handshake_ticket());
    if (!step.sign_ticket().empty()) signatures_.insert(step.sign_ticket());
    if (!step.has_result()) return;
    const v1::HandshakeResult& result = step.result();
    peers_.insert(result.peer_ticket());
    Require(result.shared_secret().size() == 32, "a finished handshake has a secret");
    const auto [known, is_new] = secrets_.emplace(result.challenge1() + result.challenge2(), result.shared_secret());
    Require(is_new || known->second == result.shared_secret(), "both sides have the same secret");
  }

  std::map<std::string, std::string> identities_;
  std::set<std::string> handshakes_;
  std::set<std::string> signatures_;
  std::set<std::string> peers_;
  std::map<std::string, std::string> secrets_;
  std::vector<v1::HandshakeStep> steps_;
};

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  Conversation conversation;
  for (const RequestText& request : ReadRequests(AsText(data, size))) conversation.Say(request);
  return 0;
}
