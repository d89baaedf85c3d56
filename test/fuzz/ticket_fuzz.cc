// Tickets (daemon/handshake/ticket.h).
// The first line says which ticket of a set is taken, and how it is opened: `KIND OWNER BODY SECONDS KIND OWNER`; each
// other line alters it (see Alter). Then the input is opened as a ticket.

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/handshake/root_storage.h"
#include "daemon/handshake/test_secrets.h"
#include "daemon/handshake/ticket.h"
#include "daemon/handshake/ticket_roots.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr size_t kKinds = 6;
// Texts that would be the same if they were just strung together.
const std::array<TicketBinding, 4> kOwners = {
    {{"caller", "participant"}, {"callerp", "articipant"}, {"caller", ""}, {"", "caller"}}};
const std::array<std::string, 3> kBodies = {"", "body", std::string(300, 'b')};

// NoStorage forgets.
class NoStorage final : public RootStorage {
 public:
  absl::StatusOr<std::optional<SecretBytes>> Load() override { return std::nullopt; }
  absl::Status Save(const SecretBytes&) override { return absl::OkStatus(); }
};

// Choice is a ticket of the set.
struct Choice {
  TicketKind kind;
  size_t owner;
  friend bool operator==(const Choice&, const Choice&) = default;
};

Choice ChoiceOf(std::string_view kind, std::string_view owner) {
  return {static_cast<TicketKind>(1 + Number(kind) % kKinds), Number(owner) % kOwners.size()};
}

// Alter does what a line says: `set AT OCTET`, `flip AT BIT`, `cut AT`, `drop AT`, `add OCTETS`, `head AT` (the first
// octets are another ticket's).
void Alter(std::string_view line, const std::string& other, std::string& ticket) {
  const std::vector<std::string_view> words = Words(line);
  if (words.size() < 2) return;
  if (words[0] == "add") {
    ticket += Unescape(words[1]);
    return;
  }
  if (ticket.empty()) return;
  const size_t at = Number(words[1]) % ticket.size();
  const uint32_t value = words.size() < 3 ? 0 : Number(words[2]);
  if (words[0] == "set") ticket[at] = static_cast<char>(value);
  if (words[0] == "flip") ticket[at] = static_cast<char>(ticket[at] ^ 1 << value % 8);
  if (words[0] == "cut") ticket.resize(at);
  if (words[0] == "drop") ticket.erase(at, 1);
  if (words[0] == "head") ticket.replace(0, std::min(at, other.size()), other, 0, at);
}

absl::StatusOr<OpenedTicket> Open(const TicketSealer& sealer, const Choice& as, std::string ticket, size_t real_size) {
  // The planted bug: octets after a ticket are ignored.
  if (planted_bug && ticket.size() > real_size) ticket.resize(real_size);
  return sealer.Open(as.kind, kOwners[as.owner], ticket);
}

void CheckRefusal(const absl::Status& status) {
  static const std::string first(status.message());
  Require(status.code() == absl::StatusCode::kFailedPrecondition,
          "a ticket that does not open is a failed precondition");
  Require(status.message() == first, "every refusal reads the same");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  static const SecretBytes secret = test::MakeSecret("a secret of thirty-two octets...");
  const std::string_view input = AsText(data, size);
  const std::vector<std::string_view> lines = Lines(input);
  if (lines.empty()) return 0;
  std::vector<std::string_view> words = Words(lines[0]);
  words.resize(6);
  const Choice made = ChoiceOf(words[0], words[1]);
  const std::string& body = kBodies[Number(words[2]) % kBodies.size()];
  const absl::Duration age = absl::Seconds(Number(words[3]) % 1000);
  const Choice asked = ChoiceOf(words[4], words[5]);

  absl::Duration now = absl::Hours(1);
  const auto roots = TicketRoots::Open(std::make_unique<NoStorage>(), "boot", [&now] { return now; });
  const TicketSealer sealer(**roots, "instance");
  const std::string original = *sealer.Seal(made.kind, kOwners[made.owner], body, &secret);
  const std::string other = *sealer.Seal(asked.kind, kOwners[asked.owner], body, nullptr);
  std::string ticket = original;
  for (size_t i = 1; i < lines.size(); ++i) Alter(lines[i], other, ticket);
  now += age;

  const auto opened = Open(sealer, asked, ticket, original.size());
  const bool lasting = made.kind == TicketKind::kIdentity || made.kind == TicketKind::kPeer;
  const bool good = ticket == original && made == asked && (lasting || age <= TicketRoots::kLifetime);
  const bool is_other = ticket == other && (asked.kind == TicketKind::kIdentity || asked.kind == TicketKind::kPeer ||
                                            age <= TicketRoots::kLifetime);
  Require(opened.ok() == (good || is_other), "a ticket opens as it was sealed, in time, and no other does");
  if (opened.ok()) {
    Require(opened->body == body, "an opened ticket has its body");
    Require(opened->secret.has_value() == !is_other, "an opened ticket has its secret");
    Require(is_other || test::SameSecret(*opened->secret, secret), "an opened ticket has its own secret");
    Require(TicketSealer::Peek(ticket) == asked.kind, "a good ticket says what it is");
  } else {
    CheckRefusal(opened.status());
  }
  const auto strange = sealer.Open(made.kind, kOwners[made.owner], input);
  Require(!strange.ok(), "no octets of others are a ticket");
  CheckRefusal(strange.status());
  TicketSealer::Peek(input);
  return 0;
}
