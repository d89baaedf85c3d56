#include "test/bench/reply_caller.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey::bench {
namespace {

constexpr uint32_t kWait = 1000;

std::string Told(const CallStatus& status) {
  return absl::StrCat("code ", static_cast<int>(status.code), ": ", status.message);
}

}  // namespace

ReplyCaller::ReplyCaller(const std::string& socket, const std::string& key_name, const std::string& certificate,
                         size_t number, absl::Span<const KnownPeer> peers, const std::string& permissions)
    : participant_(socket, key_name, certificate, static_cast<char>(number + 1)) {
  if (const CallStatus status = participant_.Validate(); !status.ok()) {
    std::fprintf(stderr, "bench: no identity: %s\n", Told(status).c_str());
    std::exit(EXIT_FAILURE);
  }
  for (const KnownPeer& peer : peers) {
    v1::BeginHandshakeReplyRequest request;
    request.set_identity_ticket(participant_.identity_ticket());
    request.set_remote_guid(GuidOctets(peer.guid));
    request.set_challenge(std::string(32, 'r'));
    request.set_participant_data(participant_.participant_data());
    request.set_permissions(permissions);
    *request.mutable_request() = peer.message;
    request.set_wait_ms(kWait);
    requests_.push_back(std::move(request));
  }
}

std::string ReplyCaller::Call() {
  const auto deadline = CallClock::now() + std::chrono::seconds(20);
  const auto& request = requests_[next_++ % requests_.size()];
  auto step = participant_.client().BeginHandshakeReply(request, deadline);
  while (step.status.ok() && !step.value.sign_ticket().empty()) {
    step = participant_.Sign(std::string(step.value.sign_ticket()), kWait);
  }
  if (!step.status.ok()) return absl::StrCat("no Reply: ", Told(step.status));
  return step.value.has_message() ? "" : "no Reply: an empty answer";
}

}  // namespace ddskey::bench
