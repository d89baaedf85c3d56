#include "client/doctor/self_test.h"

#include <grp.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/authentication_client.h"
#include "client/doctor/child_process.h"

namespace ddskey::doctor {
namespace {

constexpr std::chrono::seconds kLimit(25);
constexpr std::chrono::seconds kLimitOfChild(30);
constexpr std::chrono::seconds kPatienceAtStart(3);
constexpr std::chrono::milliseconds kPause(50);
constexpr uint32_t kWaitMs = 1000;
constexpr size_t kChallenge = 32;
constexpr size_t kGuidPrefix = 12;
// In front of what a child reports.
constexpr char kDone[] = "done";
constexpr char kRefused[] = "refused";

std::string RandomOctets(size_t size) {
  std::string octets(size, '\0');
  size_t got = 0;
  while (got < size) {
    const ssize_t part = getrandom(octets.data() + got, size - got, 0);
    if (part > 0) got += static_cast<size_t>(part);
  }
  return octets;
}

// Side is one of the two participants.
class Side {
 public:
  explicit Side(const SelfTest& test) : test_(test), client_(test.socket), challenge_(RandomOctets(kChallenge)) {}

  CallStatus Validate(CallClock::time_point deadline) {
    v1::ValidateLocalIdentityRequest request;
    request.set_key_name(test_.key);
    request.set_identity_certificate(test_.certificate);
    request.set_domain_id(0);
    request.set_candidate_guid(RandomOctets(kGuidPrefix) + std::string("\0\0\x01\xc1", 4));
    auto answer = client_.ValidateLocalIdentity(request, deadline);
    guid_ = answer.value.adjusted_guid();
    ticket_ = answer.value.identity_ticket();
    return std::move(answer.status);
  }

  CallResult<v1::HandshakeStep> Request(const Side& peer, CallClock::time_point deadline) {
    return client_.BeginHandshakeRequest(Offer<v1::BeginHandshakeRequestRequest>(peer), deadline);
  }

  CallResult<v1::HandshakeStep> Reply(const Side& peer, const v1::DataHolder& request, CallClock::time_point deadline) {
    auto offer = Offer<v1::BeginHandshakeReplyRequest>(peer);
    *offer.mutable_request() = request;
    offer.set_wait_ms(kWaitMs);
    return Collect(client_.BeginHandshakeReply(offer, deadline), deadline);
  }

  CallResult<v1::HandshakeStep> Process(const v1::HandshakeStep& before, const v1::DataHolder& message,
                                        CallClock::time_point deadline) {
    v1::ProcessHandshakeRequest process;
    process.set_identity_ticket(ticket_);
    process.set_handshake_ticket(before.handshake_ticket());
    *process.mutable_message() = message;
    process.set_wait_ms(kWaitMs);
    return Collect(client_.ProcessHandshake(process, deadline), deadline);
  }

 private:
  template <typename Message>
  Message Offer(const Side& peer) const {
    Message message;
    message.set_identity_ticket(ticket_);
    message.set_remote_guid(peer.guid_);
    message.set_challenge(challenge_);
    // PL_CDR, big-endian (DDSI-RTPS 2.3, 9.4.2.11): PID_DOMAIN_ID, PID_PARTICIPANT_GUID, PID_SENTINEL.
    message.set_participant_data(std::string("\0\2\0\0\0\x0f\0\4\0\0\0\0\0\x50\0\x10", 16) + guid_ +
                                 std::string("\0\1\0\0", 4));
    message.set_permissions(test_.permissions);
    return message;
  }

  // Collect asks for the signature until it is made, as a plugin does.
  CallResult<v1::HandshakeStep> Collect(CallResult<v1::HandshakeStep> step, CallClock::time_point deadline) {
    v1::SignHandshakeRequest sign;
    sign.set_identity_ticket(ticket_);
    sign.set_sign_ticket(step.value.sign_ticket());
    sign.set_wait_ms(kWaitMs);
    while (step.status.ok() && !step.value.sign_ticket().empty() && CallClock::now() < deadline) {
      step = client_.SignHandshake(sign, deadline);
      while (step.status.code == CallCode::kUnavailable && CallClock::now() + kPause < deadline) {
        std::this_thread::sleep_for(kPause);
        step = client_.SignHandshake(sign, deadline);
      }
    }
    if (step.status.ok() && !step.value.sign_ticket().empty()) {
      step.status = {CallCode::kDeadlineExceeded, "the device did not sign in time"};
    }
    return step;
  }

  const SelfTest& test_;
  AuthenticationClient client_;
  const std::string challenge_;
  std::string guid_;
  std::string ticket_;
};

// Here runs the test as who we are.
SelfTestResult Here(const SelfTest& test) {
  SelfTestResult result;
  const CallClock::time_point deadline = CallClock::now() + kLimit;
  // Runs a step, notes how long it took, and tells whether to go on.
  const auto step = [&](const char* name, const auto& call) {
    const auto began = CallClock::now();
    result.status = call();
    if (!result.status.ok()) {
      result.refused = name;
      return false;
    }
    result.done.push_back(
        {.name = name, .took = std::chrono::duration_cast<std::chrono::microseconds>(CallClock::now() - began)});
    return true;
  };
  Side initiator(test), replier(test);
  CallResult<v1::HandshakeStep> request, reply, last, end;
  const auto taken = [](CallResult<v1::HandshakeStep>& into, CallResult<v1::HandshakeStep> from) {
    into = std::move(from);
    return into.status;
  };
  const auto start = std::min(deadline, CallClock::now() + kPatienceAtStart);
  const bool all =
      step("validate initiator", [&] { return initiator.Validate(start); }) &&
      step("validate replier", [&] { return replier.Validate(start); }) &&
      step("request", [&] { return taken(request, initiator.Request(replier, deadline)); }) &&
      step("reply", [&] { return taken(reply, replier.Reply(initiator, request.value.message(), deadline)); }) &&
      step("final", [&] { return taken(last, initiator.Process(request.value, reply.value.message(), deadline)); }) &&
      step("end", [&] { return taken(end, replier.Process(reply.value, last.value.message(), deadline)); });
  if (all && (end.value.result().shared_secret().empty() ||
              end.value.result().shared_secret() != last.value.result().shared_secret())) {
    result.refused = "end";
    result.status = {CallCode::kInternal, "the two sides do not share a secret"};
  }
  return result;
}

std::string Encode(const SelfTestResult& result) {
  std::string text;
  for (const SelfTestStep& step : result.done) {
    absl::StrAppend(&text, kDone, "\t", step.took.count(), "\t", step.name, "\n");
  }
  if (result.refused.empty()) return text;
  return absl::StrCat(text, kRefused, "\t", static_cast<int>(result.status.code), "\t", result.refused, "\t",
                      absl::StrReplaceAll(result.status.message, {{"\n", " "}}), "\n");
}

SelfTestResult Decode(const std::string& text) {
  SelfTestResult result;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits('\t', 3));
    int64_t number = 0;
    if (parts.size() < 3 || !absl::SimpleAtoi(parts[1], &number)) continue;
    if (parts[0] == kDone) result.done.push_back({.name = parts[2], .took = std::chrono::microseconds(number)});
    if (parts[0] != kRefused || parts.size() < 4) continue;
    result.refused = parts[2];
    result.status = {static_cast<CallCode>(number), parts[3]};
  }
  return result;
}

// Become takes another user's place, for good.
bool Become(const UserFacts& user) {
  return setgroups(user.groups.size(), user.groups.data()) == 0 && setresgid(user.gid, user.gid, user.gid) == 0 &&
         setresuid(user.uid, user.uid, user.uid) == 0;
}

std::string Who(const SelfTest& test) {
  return test.user.has_value() ? absl::StrCat("as ", test.user->name) : std::string("as ourselves");
}

std::string FixOf(const SelfTest& test, const CallStatus& status, const std::string& policy_file) {
  if (absl::StartsWith(status.message, "[clock_not_set]")) {
    return "timedatectl set-ntp true (if the clock is right already: ddskeyctl clock reset)";
  }
  switch (status.code) {
    case CallCode::kPermissionDenied:
      return absl::StrCat(
          "see what refused it: journalctl -u ddskeyd; if a rule is missing, add to ", policy_file, ": rule { name: \"",
          test.key, "\" effect: ALLOW caller { ",
          test.user.has_value() ? absl::StrCat("user: \"", test.user->name, "\"") : absl::StrCat("uid: ", geteuid()),
          " } key: \"", test.key, "\" operation: HANDSHAKE }, then: systemctl reload ddskeyd");
    case CallCode::kUnavailable:
    case CallCode::kDeadlineExceeded:
      return "systemctl restart ddskeyd.socket ddskeyd (and see: ddskeyctl status)";
    case CallCode::kFailedPrecondition:
    case CallCode::kInvalidArgument:
      return absl::StrCat("ddskeyctl cert show ", test.key, "; ddskeyctl identity renew ", test.key, " --out ",
                          test.key, ".csr");
    case CallCode::kResourceExhausted:
      return "wait a minute and repeat it; raise `limits` in the configuration if it stays";
    default:
      return "journalctl -u ddskeyd";
  }
}

}  // namespace

absl::StatusOr<SelfTestResult> TryHandshake(const SelfTest& test) {
  const auto work = [&test](int output) {
    if (test.user.has_value() && !Become(*test.user)) {
      WriteAll(output, absl::StrCat(kRefused, "\t", static_cast<int>(CallCode::kUnauthenticated), "\tsetuid\t",
                                    std::strerror(errno), "\n"));
      return 1;
    }
    WriteAll(output, Encode(Here(test)));
    return 0;
  };
  const auto ended = RunInChild(work, kLimitOfChild);
  if (!ended.ok()) return ended.status();
  SelfTestResult result = Decode(ended->output);
  if (result.done.empty() && result.refused.empty()) {
    return absl::InternalError(absl::StrCat("the process that tried it ended with ", ended->exit_status));
  }
  return result;
}

void JudgeHandshake(const SelfTest& test, const absl::StatusOr<SelfTestResult>& result, const std::string& policy_file,
                    Findings& findings) {
  const std::string what = absl::StrCat("a handshake of ", test.key, " with itself, ", Who(test));
  if (!result.ok()) {
    findings.Problem("handshake", absl::StrCat(what, ", was not tried: ", result.status().message()),
                     "sudo ddskeyctl doctor");
    return;
  }
  std::vector<std::string> times;
  for (const SelfTestStep& step : result->done) {
    times.push_back(absl::StrFormat("%s %.1f ms", step.name, static_cast<double>(step.took.count()) / 1000));
  }
  const std::string took = absl::StrJoin(times, ", ");
  if (result->refused.empty()) {
    findings.Ok("handshake", absl::StrCat(what, ", succeeds: ", took));
    return;
  }
  findings.Problem("handshake",
                   absl::StrCat(what, ", fails at ", result->refused, ": ", result->status.message,
                                took.empty() ? "" : absl::StrCat(" (before: ", took, ")")),
                   FixOf(test, result->status, policy_file));
}

void CheckService(const std::string& socket, Findings& findings) {
  AuthenticationClient client(socket);
  // It is open to everybody, and answered at once.
  const auto answer = client.Watch(v1::WatchRequest(), CallClock::now() + kPatienceAtStart, nullptr);
  if (answer.status.ok()) {
    findings.Ok("socket.answers", absl::StrCat("the daemon answers at ", socket));
  } else {
    findings.Problem("socket.answers",
                     absl::StrCat("the daemon does not answer at ", socket, ": ", answer.status.message),
                     "systemctl restart ddskeyd.socket ddskeyd");
  }
}

}  // namespace ddskey::doctor
