// The steps of handshakes (daemon/handshake/handshake.h) in any order, with the messages of any of them altered.
// Three participants run them; between the steps their states are in tickets, as in the daemon. An input is lines, each
// a step of a participant; what a step makes is numbered in order, tickets and messages apart:
//
//   request A B          A begins a handshake with B
//   reply A B MESSAGE    A answers a Request of B
//   sign A TICKET        A signs the Reply or Final that waits in a ticket
//   final A TICKET MESSAGE    A, whose Request is in a ticket, answers a Reply
//   finish A TICKET MESSAGE   A, whose Reply is in a ticket, takes a Final
//   alter MESSAGE PROPERTY HOW [MESSAGE]   makes another message (see Alter)

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/handshake/cdr.h"
#include "daemon/handshake/digest.h"
#include "daemon/handshake/handshake.h"
#include "daemon/handshake/handshake_state.h"
#include "daemon/handshake/handshake_token.h"
#include "daemon/handshake/key_agreements.h"
#include "daemon/handshake/participant_data.h"
#include "daemon/handshake/root_storage.h"
#include "daemon/handshake/test_secrets.h"
#include "daemon/handshake/ticket.h"
#include "daemon/handshake/ticket_roots.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr uint32_t kDomain = 7;
constexpr size_t kParties = 3;
constexpr size_t kMostSteps = 40;

class NoStorage final : public RootStorage {
 public:
  absl::StatusOr<std::optional<SecretBytes>> Load() override { return std::nullopt; }
  absl::Status Save(const SecretBytes&) override { return absl::OkStatus(); }
};

// Signed is a signature that a participant made.
struct Signed {
  size_t by;
  TicketKind kind;
  std::string transcript;
  std::string signature;
  HandshakeState state;
};

// Signatures stand in for those of keys: nobody can make one but by Make, and all that were made are known.
class Signatures {
 public:
  std::string Make(size_t by, TicketKind kind, const std::string& transcript, HandshakeState state) {
    std::string signature = Sha256(absl::StrCat(by, " signs ", transcript));
    made_.push_back({by, kind, transcript, signature, std::move(state)});
    return signature;
  }
  const Signed* Find(size_t by, std::string_view octets, std::string_view signature) const {
    for (const Signed& entry : made_) {
      if (entry.by == by && entry.transcript == octets && entry.signature == signature) return &entry;
    }
    return nullptr;
  }

 private:
  std::vector<Signed> made_;
};

// Party is a participant and what it offers.
struct Party {
  explicit Party(size_t number) : subject(absl::StrCat("subject ", number)) {
    Guid candidate = {};
    candidate[0] = static_cast<uint8_t>(number);
    local = {.key_uuid = absl::StrCat("key ", number),
             .certificate = absl::StrCat("certificate ", number),
             .guid = AdjustedGuid(subject, candidate),
             .domain_id = kDomain,
             // The last one initiates with DH, the others with ECDH.
             .key_agreement = number + 1 == kParties ? KeyAgreementChoice::kDh : KeyAgreementChoice::kAuto};
  }
  LocalOffer OfferTo(const Party& peer, uint32_t nonce) const {
    return {.remote_guid = peer.local.guid,
            .challenge = Sha256(absl::StrCat("challenge of ", subject, " ", nonce)),
            .participant_data = std::string("\0\x50\0\x10", 4) + GuidOctets(local.guid) + std::string("\0\1\0\0", 4),
            .permissions = "permissions of " + subject,
            .remote_future_challenge = ""};
  }
  std::string subject;
  LocalParticipant local;
};

const std::array<Party, kParties>& Parties() {
  static const std::array<Party, kParties> parties = {Party(0), Party(1), Party(2)};
  return parties;
}

// Ticket is a sealed state and whose it is.
struct Ticket {
  size_t owner;
  size_t peer;
  TicketKind kind;
  std::string octets;
};

// World is everything that happens in one input.
class World {
 public:
  World() : sealer_(*roots_, "instance") {}

  void Step(const std::vector<std::string_view>& words);

 private:
  static size_t PartyOf(std::string_view word) { return Number(word) % kParties; }
  const HandshakeToken* MessageOf(std::string_view word) const {
    return messages_.empty() ? nullptr : &messages_[Number(word) % messages_.size()];
  }
  const Ticket* TicketOf(std::string_view word) const {
    return tickets_.empty() ? nullptr : &tickets_[Number(word) % tickets_.size()];
  }
  TicketBinding BindingOf(size_t owner) const { return {absl::StrCat("process ", owner), absl::StrCat(owner)}; }
  PeerCredential CredentialOf(size_t party) const {
    return {Parties()[party].subject, [this, party](std::string_view octets, std::string_view signature) {
              return signatures_.Find(party, octets, signature) != nullptr ? absl::OkStatus()
                                                                           : absl::PermissionDeniedError("forged");
            }};
  }

  void Keep(size_t owner, size_t peer, TicketKind kind, const HandshakeState& state);
  std::optional<HandshakeState> Open(size_t by, TicketKind kind, const Ticket& ticket) const;
  void Request(size_t by, size_t peer);
  void Reply(size_t by, size_t peer, const HandshakeToken& token);
  void Sign(size_t by, const Ticket& ticket);
  void Final(size_t by, const Ticket& ticket, const HandshakeToken& token);
  void Finish(size_t by, const Ticket& ticket, const HandshakeToken& token);
  void Alter(const std::vector<std::string_view>& words);

  std::unique_ptr<TicketRoots> roots_ =
      *TicketRoots::Open(std::make_unique<NoStorage>(), "boot", [] { return absl::Hours(1); });
  TicketSealer sealer_;
  Signatures signatures_;
  std::vector<HandshakeToken> messages_;
  std::vector<Ticket> tickets_;
  // What initiators came to, with the transcript of the Final.
  std::vector<std::pair<std::string, HandshakeOutcome>> initiators_;
  uint32_t nonce_ = 0;
};

void World::Keep(size_t owner, size_t peer, TicketKind kind, const HandshakeState& state) {
  auto sealed =
      sealer_.Seal(kind, BindingOf(owner), EncodeState(state), state.secret.has_value() ? &*state.secret : nullptr);
  Require(sealed.ok(), "a state fits into a ticket");
  tickets_.push_back({owner, peer, kind, *std::move(sealed)});
}

std::optional<HandshakeState> World::Open(size_t by, TicketKind kind, const Ticket& ticket) const {
  // The planted bug: whose ticket it is, and for which step, is not looked at.
  auto opened = planted_bug ? sealer_.Open(ticket.kind, BindingOf(ticket.owner), ticket.octets)
                            : sealer_.Open(kind, BindingOf(by), ticket.octets);
  Require(opened.ok() == (by == ticket.owner && kind == ticket.kind), "a ticket is for its owner and its step only");
  if (!opened.ok()) return std::nullopt;
  auto state = DecodeState(opened->body);
  Require(state.has_value(), "a ticket holds a state");
  state->secret = std::move(opened->secret);
  return state;
}

void World::Request(size_t by, size_t peer) {
  auto step = BeginRequest(Parties()[by].local, Parties()[by].OfferTo(Parties()[peer], ++nonce_));
  Require(step.ok() == (by != peer), "a participant begins with anybody but itself");
  if (!step.ok()) return;
  messages_.push_back(std::move(step->token));
  Keep(by, peer, TicketKind::kRequestSent, step->state);
}

void World::Reply(size_t by, size_t peer, const HandshakeToken& token) {
  const auto message = ParseToken(MessageRole::kRequest, token);
  if (!message.ok()) return;
  const LocalOffer offer = Parties()[by].OfferTo(Parties()[peer], ++nonce_);
  const auto state = PrepareReply(Parties()[by].local, offer, *message, CredentialOf(peer));
  if (!state.ok()) return;
  const auto data = ParseParticipantData(*message->c_pdata);
  Require(data.ok() && data->guid == Parties()[peer].local.guid, "S-7: a Request is its sender's");
  Require(by != peer, "nobody answers itself");
  Require(state->hash_c1 == HashCredentials(*message), "hash_c1 is over the octets as received");
  Require(!message->hash_c1.has_value() || *message->hash_c1 == state->hash_c1, "what is repeated is right");
  Require(state->challenge1 == *message->challenge1 && state->dh1 == *message->dh1, "the state has what was received");
  Keep(by, peer, TicketKind::kSignReply, *state);
}

void World::Sign(size_t by, const Ticket& ticket) {
  const size_t peer = ticket.peer;
  if (ticket.kind == TicketKind::kSignFinal) {
    auto state = Open(by, TicketKind::kSignFinal, ticket);
    if (!state.has_value()) return;
    const std::string transcript = FinalTranscript(*state);
    auto outcome = OutcomeOfFinal(*state);
    Require(outcome.ok(), "the initiator has its secret");
    initiators_.emplace_back(transcript, *std::move(outcome));
    HandshakeState known = *DecodeState(EncodeState(*state));
    messages_.push_back(
        FinishFinal(*state, signatures_.Make(by, TicketKind::kSignFinal, transcript, std::move(known))));
    return;
  }
  const auto state = Open(by, TicketKind::kSignReply, ticket);
  if (!state.has_value()) return;
  const std::string transcript = ReplyTranscript(*state);
  messages_.push_back(
      FinishReply(*state, signatures_.Make(by, TicketKind::kSignReply, transcript, *DecodeState(EncodeState(*state)))));
  Keep(by, peer, TicketKind::kReplySent, *state);
}

void World::Final(size_t by, const Ticket& ticket, const HandshakeToken& token) {
  const size_t peer = ticket.peer;
  const auto state = Open(by, TicketKind::kRequestSent, ticket);
  const auto message = ParseToken(MessageRole::kReply, token);
  if (!state.has_value() || !message.ok()) return;
  const auto next = PrepareFinal(*state, *message, CredentialOf(peer));
  if (!next.ok()) return;
  const Signed* const answer = signatures_.Find(peer, ReplyTranscript(*next), *message->signature);
  Require(answer != nullptr && answer->kind == TicketKind::kSignReply, "a Reply was signed by the peer as a Reply");
  Require(answer->state.remote_guid == Parties()[by].local.guid, "a Reply was signed for this participant");
  Require(answer->state.challenge1 == state->challenge1 && answer->state.dh1 == state->dh1 &&
              answer->state.hash_c1 == state->hash_c1,
          "a Reply answers this very Request");
  Keep(by, peer, TicketKind::kSignFinal, *next);
}

void World::Finish(size_t by, const Ticket& ticket, const HandshakeToken& token) {
  const size_t peer = ticket.peer;
  const auto state = Open(by, TicketKind::kReplySent, ticket);
  const auto message = ParseToken(MessageRole::kFinal, token);
  if (!state.has_value() || !message.ok()) return;
  const auto outcome = ProcessFinal(*state, *message, CredentialOf(peer));
  if (!outcome.ok()) return;
  const std::string transcript = FinalTranscript(*state);
  const Signed* const end = signatures_.Find(peer, transcript, *message->signature);
  Require(end != nullptr && end->kind == TicketKind::kSignFinal, "a Final was signed by the peer as a Final");
  Require(end->state.remote_guid == Parties()[by].local.guid, "a Final was signed for this participant");
  const auto initiator =
      std::ranges::find_if(initiators_, [&](const auto& entry) { return entry.first == transcript; });
  Require(initiator != initiators_.end(), "a handshake ends at both sides");
  Require(test::SameSecret(initiator->second.shared_secret, outcome->shared_secret), "both sides have the same secret");
  Require(initiator->second.challenge1 == outcome->challenge1 && initiator->second.challenge2 == outcome->challenge2,
          "both sides have the same challenges");
  Require(outcome->peer_certificate == Parties()[peer].local.certificate + '\0', "the peer is who it was all along");
}

// Alter changes the value of one property: flips a bit of its first (0) or last (1) octet, cuts it (2), appends to it
// (3), takes the same property of another message (4), removes it (5), puts another property's value there (6), or
// makes it fit: hash_c1 and hash_c2 are computed anew (7).
void World::Alter(const std::vector<std::string_view>& words) {
  if (messages_.empty() || words.size() < 4) return;
  HandshakeToken token = *MessageOf(words[1]);
  std::vector<BinaryProperty>& properties = token.binary_properties;
  if (properties.empty()) return;
  const size_t at = Number(words[2]) % properties.size();
  std::string& value = properties[at].value;
  const HandshakeToken& other = *MessageOf(words.size() > 4 ? words[4] : words[1]);
  switch (Number(words[3]) % 8) {
    case 0:
      if (!value.empty()) value.front() = static_cast<char>(value.front() ^ 1);
      break;
    case 1:
      if (!value.empty()) value.back() = static_cast<char>(value.back() ^ 1);
      break;
    case 2:
      if (!value.empty()) value.pop_back();
      break;
    case 3:
      value.push_back('\0');
      break;
    case 4:
      for (const BinaryProperty& property : other.binary_properties) {
        if (property.name == properties[at].name) value = property.value;
      }
      break;
    case 5:
      properties.erase(properties.begin() + static_cast<ptrdiff_t>(at));
      break;
    case 6:
      if (!other.binary_properties.empty()) value = other.binary_properties[at % other.binary_properties.size()].value;
      break;
    default:
      for (const MessageRole role : {MessageRole::kRequest, MessageRole::kReply}) {
        const auto message = ParseToken(role, token);
        if (!message.ok()) continue;
        for (BinaryProperty& property : properties) {
          if (property.name == (role == MessageRole::kRequest ? "hash_c1" : "hash_c2")) {
            property.value = HashCredentials(*message);
          }
        }
      }
      break;
  }
  messages_.push_back(std::move(token));
}

void World::Step(const std::vector<std::string_view>& words) {
  if (words.size() < 3) return;
  const size_t by = PartyOf(words[1]);
  const Ticket* const ticket = TicketOf(words[2]);
  const HandshakeToken* const message = words.size() > 3 ? MessageOf(words[3]) : nullptr;
  // Copies: a step may move what they are in.
  if (words[0] == "request") Request(by, PartyOf(words[2]));
  if (words[0] == "reply" && message != nullptr) Reply(by, PartyOf(words[2]), HandshakeToken(*message));
  if (words[0] == "sign" && ticket != nullptr) Sign(by, Ticket(*ticket));
  if (words[0] == "final" && ticket != nullptr && message != nullptr) {
    Final(by, Ticket(*ticket), HandshakeToken(*message));
  }
  if (words[0] == "finish" && ticket != nullptr && message != nullptr) {
    Finish(by, Ticket(*ticket), HandshakeToken(*message));
  }
  if (words[0] == "alter") Alter(words);
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  World world;
  std::vector<std::string_view> lines = Lines(AsText(data, size));
  lines.resize(std::min(lines.size(), kMostSteps));
  for (const std::string_view line : lines) world.Step(Words(line));
  return 0;
}
