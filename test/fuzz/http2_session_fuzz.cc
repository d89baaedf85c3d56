// The server's side of the gRPC protocol (daemon/rpc/http2_session.h), which speaks to whomever connects. An input is a
// script (frame_script.h) of which the client's frames count; `serve SIZE` answers the oldest call.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "daemon/rpc/http2_session.h"
#include "daemon/rpc/limits.h"
#include "test/fuzz/frame_script.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr size_t kMaxMessage = 4096;
constexpr size_t kLargestAnswer = 100'000;

// Connection is a session, and what it has done so far.
class Connection {
 public:
  void Do(const Event& event) {
    if (ended_) return;
    if (event.what == Event::kServer) {
      Answer(std::min<size_t>(event.octets.size(), kLargestAnswer));
    } else if (event.what == Event::kClient) {
      const auto* const octets = reinterpret_cast<const uint8_t*>(event.octets.data());
      ended_ = !session_->Receive({octets, event.octets.size()}).ok();
    }
    std::string out;
    if (!session_->TakeOutput(SIZE_MAX, out).ok()) ended_ = true;
    Take(session_->TakeEvents());
    Require(session_->unread_octets() <= answered_, "no more is kept than was answered");
    Require(waiting_.size() <= kStreams, "S-9: no more calls are open than were allowed");
  }

 private:
  void Take(Http2Session::Events events) {
    for (Http2Session::Request& request : events.requests) {
      // The planted bug: a call that comes after others is handed out twice.
      if (planted_bug && !seen_.empty() && request.path.size() > 2)
        Require(seen_.insert(*seen_.begin()).second, "once");
      Require(seen_.insert(request.stream).second, "a call is handed out once");
      Require(request.message.size() <= kMaxMessage, "S-17: a request is no larger than it may be");
      Require(request.path.size() <= kMetadataOctets, "S-9: metadata is bounded");
      waiting_.push_back(request.stream);
    }
    for (const int32_t gone : events.gone) {
      Require(seen_.contains(gone), "only who was there can go");
      std::erase(waiting_, gone);
    }
  }

  void Answer(size_t size) {
    if (waiting_.empty()) return;
    answered_ += size + 5;
    session_->Respond(waiting_.front(), {0, "", std::string(size, 'a')});
    waiting_.pop_front();
  }

  const std::unique_ptr<Http2Session> session_ = *Http2Session::Create(kMaxMessage);
  std::set<int32_t> seen_;
  std::deque<int32_t> waiting_;
  size_t answered_ = 0;
  bool ended_ = false;
};

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  Connection connection;
  for (const Event& event : ReadEvents(AsText(data, size))) connection.Do(event);
  return 0;
}
