#ifndef TEST_BENCH_REPLY_CALLER_H_
#define TEST_BENCH_REPLY_CALLER_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "ddskey/v1/authentication.pb.h"
#include "test/bench/known_peers.h"
#include "test/support/test_participant.h"

namespace ddskey::bench {

// ReplyCaller is a participant that asks the daemon for Replies to the Requests of `peers`, one after the other and
// again from the first. Lives in the process in which it was made.
class ReplyCaller {
 public:
  // `number`, up to 250, tells participants with the same key apart.
  ReplyCaller(const std::string& socket, const std::string& key_name, const std::string& certificate, size_t number,
              absl::Span<const KnownPeer> peers, const std::string& permissions);

  // Call gets a Reply, asking again while the daemon says that it is pending. Returns what went wrong.
  std::string Call();

  const test::TestParticipant& participant() const { return participant_; }

 private:
  test::TestParticipant participant_;
  std::vector<v1::BeginHandshakeReplyRequest> requests_;
  size_t next_ = 0;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_REPLY_CALLER_H_
