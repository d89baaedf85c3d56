// The frame guard's view of a connection (daemon/rpc/frame_inspector.h).
// An input is a script (frame_script.h).

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rpc/frame_inspector.h"
#include "daemon/rpc/limits.h"
#include "test/fuzz/frame_script.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

using Clock = FrameInspector::Clock;

constexpr size_t kMostHeld = 17 * 1024;

FrameInspector::Octets OctetsOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Outcome is what an inspector came to.
struct Outcome {
  std::string violation;
  size_t held;
  size_t streams;
  uint64_t requests;
  Clock::time_point deadline;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

size_t Held(const FrameInspector& inspector) {
  const size_t held = inspector.held();
  // The planted bug: of much that must wait, the last octet goes on.
  return planted_bug && held > 100 ? held - 1 : held;
}

Outcome OutcomeOf(const FrameInspector& inspector, const absl::Status& status) {
  return {std::string(status.message()), Held(inspector), inspector.open_streams(), inspector.request_octets(),
          inspector.deadline()};
}

// Run lets everything happen, with the octets in parts of at most `part`.
Outcome Run(const std::vector<Event>& events, size_t part) {
  Clock::time_point now = Clock::time_point(std::chrono::hours(1));
  FrameInspector inspector(now);
  std::string sent;
  for (const Event& event : events) {
    const std::chrono::milliseconds time(event.number);
    if (event.what == Event::kWait) now += time;
    if (event.what == Event::kExcuse) inspector.Excuse(time);
    if (event.what == Event::kServer) inspector.FromServer(OctetsOf(event.octets));
    std::string_view left = event.what == Event::kClient ? event.octets : std::string_view();
    while (!left.empty()) {
      const std::string_view next = left.substr(0, part);
      left.remove_prefix(next.size());
      sent += next;
      const absl::Status status = inspector.FromClient(OctetsOf(next), now);
      if (!status.ok()) return OutcomeOf(inspector, status);
      Require(Held(inspector) <= kMostHeld, "S-9: at most 17 KiB are held");
      Require(Held(inspector) <= sent.size(), "no more is held than was sent");
      Require(inspector.open_streams() <= kStreams, "S-9: at most 64 streams are open");
    }
    Require(MayBeSeen(std::string_view(sent).substr(0, sent.size() - Held(inspector))),
            "S-9: gRPC sees no part of a preface, frame header or header block");
    if (inspector.deadline() != Clock::time_point::max()) {
      Require(!inspector.Overdue().empty(), "what has a deadline has a name");
    }
    inspector.GoodBye("reason");
  }
  return OutcomeOf(inspector, absl::OkStatus());
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  const std::vector<Event> events = ReadEvents(AsText(data, size));
  const Outcome whole = Run(events, std::string::npos);
  const Outcome in_parts = Run(events, 7);
  // Where it ended is the same; what was held then depends on how much came at once.
  Require(whole.violation == in_parts.violation, "how octets are cut means nothing");
  if (whole.violation.empty()) Require(whole == in_parts, "how octets are cut leaves nothing behind");
  return 0;
}
