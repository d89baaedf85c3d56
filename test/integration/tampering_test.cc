// What a peer on the network can do to a handshake by altering its messages, against the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "test/support/pki.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::StartsWith;

TestDaemon::Options WithoutRates() {
  TestDaemon::Options options;
  options.more = "limits { handshakes_per_second: 1000000 handshake_burst: 1000000 }";
  return options;
}

#ifdef __SANITIZE_ADDRESS__
// What was freed waits in a quarantine of 256 MB.
constexpr size_t kMemoryAllowance = 300 * 1024;
#else
constexpr size_t kMemoryAllowance = 8 * 1024;
#endif

size_t ResidentKilobytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    size_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes;
  }
  return 0;
}

class TamperingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
    request_ = alice_.Request(bob_);
    ASSERT_TRUE(request_.status.ok()) << request_.status.message;
    reply_ = bob_.Finish(bob_.Reply(alice_, request_.value.message()));
    ASSERT_TRUE(reply_.status.ok()) << reply_.status.message;
    final_ = alice_.Finish(alice_.Process(request_.value.handshake_ticket(), reply_.value.message()));
    ASSERT_TRUE(final_.status.ok()) << final_.status.message;
  }

  // ForEachAlteration flips a bit of every octet of the class id and of every property's name and value, removes and
  // doubles every property, and cuts every value short. `visit` gets the altered message and what was altered.
  static void ForEachAlteration(const v1::DataHolder& message,
                                const std::function<void(const v1::DataHolder&, const std::string&)>& visit) {
    const auto flip_each = [](std::string* text, const std::function<void()>& flipped) {
      for (size_t at = 0; at < text->size(); ++at) {
        (*text)[at] = static_cast<char>((*text)[at] ^ 0x10);
        flipped();
        (*text)[at] = static_cast<char>((*text)[at] ^ 0x10);
      }
    };
    v1::DataHolder altered = message;
    flip_each(altered.mutable_class_id(), [&] { visit(altered, "class id"); });
    for (int i = 0; i < altered.binary_properties_size(); ++i) {
      v1::BinaryProperty& property = *altered.mutable_binary_properties(i);
      const std::string name = property.name();
      flip_each(property.mutable_value(), [&] { visit(altered, name); });
      flip_each(property.mutable_name(), [&] { visit(altered, "name of " + name); });
      const std::string value = property.value();
      property.set_value(value.substr(0, value.size() / 2));
      visit(altered, name + " cut");
      property.set_value(value + value);
      visit(altered, name + " doubled");
      property.set_value(value);
      *altered.add_binary_properties() = message.binary_properties(i);
      visit(altered, name + " twice");
      altered.mutable_binary_properties()->RemoveLast();
    }
  }

  // IsAcceptable says which alterations leave a message that may be accepted: an absent optional property, another
  // minor version of the class id.
  static bool IsAcceptable(const v1::DataHolder& altered, const std::string& what) {
    if (what == "class id") return altered.class_id().find("PKI-DH:1.") != std::string::npos;
    for (const char* optional : {"hash_c1", "hash_c2", "dh1", "dh2", "c.perm"}) {
      if (what == std::string("name of ") + optional) return true;
    }
    return false;
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_{WithoutRates()};
  TestParticipant alice_{daemon_.socket(), "alice", daemon_.Enroll("alice", ca_, Named("alice")), 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", daemon_.Enroll("bob", ca_, Named("bob")), 'b'};
  CallResult<v1::HandshakeStep> request_;
  CallResult<v1::HandshakeStep> reply_;
  CallResult<v1::HandshakeStep> final_;
};

TEST_F(TamperingTest, EveryAlteredOctetOfARequestIsRefusedByANamedCheck) {
  size_t refused = 0;
  bool saw_challenge = false;
  ForEachAlteration(request_.value.message(), [&](const v1::DataHolder& altered, const std::string& what) {
    // Without waiting: what is accepted is not signed unless somebody asks for it.
    const auto answer = bob_.Reply(alice_, altered, 0);
    if (!answer.status.ok()) {
      EXPECT_THAT(answer.status.message, StartsWith("[")) << what;
      ++refused;
      return;
    }
    if (IsAcceptable(altered, what)) return;
    // A Request authenticates nothing: who altered its challenge is found out by the initiator.
    EXPECT_EQ(what, "challenge1");
    if (saw_challenge) return;
    saw_challenge = true;
    const auto signed_reply = bob_.Finish(answer);
    ASSERT_TRUE(signed_reply.status.ok()) << signed_reply.status.message;
    const auto verdict = alice_.Process(request_.value.handshake_ticket(), signed_reply.value.message());
    EXPECT_EQ(verdict.status.code, CallCode::kInvalidArgument);
    EXPECT_THAT(verdict.status.message, StartsWith("[challenge1]"));
  });
  EXPECT_TRUE(saw_challenge);
  EXPECT_GT(refused, 700U);
}

TEST_F(TamperingTest, EveryAlteredOctetOfAReplyIsRefusedWhileTheHonestOneCompletes) {
  size_t refused = 0;
  const size_t before = ResidentKilobytes(daemon_.process().pid());
  ForEachAlteration(reply_.value.message(), [&](const v1::DataHolder& altered, const std::string& what) {
    const auto answer = alice_.Process(request_.value.handshake_ticket(), altered, 0);
    if (answer.status.ok() && IsAcceptable(altered, what)) return;
    ASSERT_FALSE(answer.status.ok()) << what;
    EXPECT_THAT(answer.status.message, StartsWith("[")) << what;
    ++refused;
  });
  EXPECT_GT(refused, 800U);
  const auto honest = alice_.Finish(alice_.Process(request_.value.handshake_ticket(), reply_.value.message()));
  EXPECT_TRUE(honest.status.ok()) << honest.status.message;
  EXPECT_LT(ResidentKilobytes(daemon_.process().pid()), before + kMemoryAllowance);
}

TEST_F(TamperingTest, EveryAlteredOctetOfAFinalIsRefusedWhileTheHonestOneCompletes) {
  std::map<std::string, size_t> checks;
  ForEachAlteration(final_.value.message(), [&](const v1::DataHolder& altered, const std::string& what) {
    const auto answer = bob_.Process(reply_.value.handshake_ticket(), altered);
    if (answer.status.ok() && IsAcceptable(altered, what)) return;
    ASSERT_FALSE(answer.status.ok()) << what;
    EXPECT_THAT(answer.status.message, StartsWith("[")) << what;
    ++checks[answer.status.message.substr(0, answer.status.message.find(']') + 1)];
  });
  for (const char* check : {"[class_id]", "[hash_c1]", "[hash_c2]", "[dh1]", "[dh2]", "[challenge1]", "[challenge2]",
                            "[signature]", "[duplicate]"}) {
    EXPECT_GT(checks[check], 0U) << check;
  }
  const auto honest = bob_.Process(reply_.value.handshake_ticket(), final_.value.message());
  EXPECT_TRUE(honest.status.ok()) << honest.status.message;
}

TEST_F(TamperingTest, MessagesOfOneHandshakeAreWorthNothingInAnother) {
  const auto second = alice_.Request(bob_);
  ASSERT_TRUE(second.status.ok()) << second.status.message;
  // A replayed Reply answers another Request, and a replayed Final another Reply.
  const auto replayed = alice_.Process(second.value.handshake_ticket(), reply_.value.message());
  EXPECT_EQ(replayed.status.code, CallCode::kInvalidArgument);
  const auto second_reply = bob_.Finish(bob_.Reply(alice_, second.value.message()));
  ASSERT_TRUE(second_reply.status.ok()) << second_reply.status.message;
  const auto replayed_final = bob_.Process(second_reply.value.handshake_ticket(), final_.value.message());
  EXPECT_EQ(replayed_final.status.code, CallCode::kInvalidArgument);
  // A participant's own messages sent back to it.
  EXPECT_FALSE(alice_.Process(request_.value.handshake_ticket(), request_.value.message()).status.ok());
  EXPECT_FALSE(alice_.Reply(alice_, request_.value.message()).status.ok());
}

TEST_F(TamperingTest, OversizedMessagesAreRefusedBeforeTheyAreRead) {
  v1::DataHolder large = request_.value.message();
  large.add_binary_properties()->set_value(std::string(200 * 1024, 'x'));
  EXPECT_THAT(bob_.Reply(alice_, large).status.message, StartsWith("[bounds]"));
  large.mutable_binary_properties()->rbegin()->set_value(std::string(1024 * 1024, 'x'));
  EXPECT_EQ(bob_.Reply(alice_, large).status.code, CallCode::kResourceExhausted);
  EXPECT_TRUE(bob_.Reply(alice_, request_.value.message()).status.ok());
}

}  // namespace
}  // namespace ddskey
