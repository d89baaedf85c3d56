#include "daemon/fill_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/fakes/fake_key_backend.h"
#include "test/support/ocsp.h"
#include "test/support/pki.h"

namespace ddskey {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
  rule { name: "collector" effect: ALLOW caller { uid: 100 } operation: STATUS }
  rule { name: "robots" effect: ALLOW caller { uid: 101 } key: "robot_*" operation: [ STATUS, KEY_LIST ] }
)";

// Token is a backend none of whose keys can be used.
class Token : public test::FakeKeyBackend {
 public:
  Recognition Recognize(std::string_view) const override { return Recognition::kOwn; }
  std::string KeyProblem(std::string_view) const override { return "the token has lost it"; }
};

// FillKeysTest has the keys "robot_1" and "brake", whose certificates end, whose OCSP responses are outdated, and which
// do not sign; and a revocation list of a file.
class FillKeysTest : public ::testing::Test {
 protected:
  FillKeysTest() {
    std::vector<BackendSet::Entry> entries;
    entries.push_back({"token", "1", std::make_unique<Token>()});
    backends_ = std::make_unique<BackendSet>(std::move(entries));
    const test::TestCa ca = test::TestCa::Root("identity CA");
    test::OcspOptions outdated;
    outdated.this_update = now_ - absl::Hours(48);
    outdated.next_update = now_ - absl::Hours(24);
    const std::string response =
        test::MakeOcspResponse(ca, {ca.Issue(test::TestKey::Generate().public_key())}, outdated);
    for (const char* const name : {"robot_1", "brake"}) {
      Identity identity{.name = *KeyName::Parse(name), .generations = {KeyGeneration()}, .trust = {}};
      identity.trust.ocsp_response = response;
      identities_.push_back(std::move(identity));
      endings_.push_back({Ending::Kind::kCertificate, name, std::string("CN=") + name, now_, now_ + absl::Hours(240)});
      endings_.push_back({Ending::Kind::kRevocationList, name, std::string("CN=CA of ") + name, now_, now_});
    }
    endings_.push_back({Ending::Kind::kRevocationList, "", "CN=CA of the file", now_, now_});
  }

  v1::GetStatusResponse Ask(uid_t uid) const {
    v1::GetStatusResponse status;
    const Subject caller = {.uid = uid, .gid = uid, .groups = {}, .pid = 1, .start_time = 1};
    const StatusReader reader{*policy_, caller};
    FillEndings(endings_, now_, reader, status);
    for (const Identity& identity : identities_) {
      FillKeyProblems(identity, *backends_, reader, status);
      FillOcspResponse(identity, now_, reader, status);
    }
    return status;
  }

  const absl::Time now_ = absl::Now();
  std::unique_ptr<BackendSet> backends_;
  std::vector<Identity> identities_;
  std::vector<Ending> endings_;
  std::shared_ptr<const Policy> policy_ = Policy::Parse(kPolicy, "policy.textproto", {}).value();
};

TEST_F(FillKeysTest, TellsTheSuperuserEverything) {
  policy_ = Policy::SuperuserOnly();
  const v1::GetStatusResponse status = Ask(0);
  ASSERT_EQ(status.endings_size(), 5);
  EXPECT_EQ(status.endings(2).key_name(), "brake");
  EXPECT_EQ(status.endings(2).subject(), "CN=brake");
  EXPECT_EQ(status.endings(3).subject(), "CN=CA of brake");
  ASSERT_EQ(status.key_problems_size(), 2);
  EXPECT_EQ(status.key_problems(1).key_name(), "brake");
  EXPECT_EQ(status.key_problems(1).problem(), "the token has lost it");
  ASSERT_EQ(status.outdated_ocsp_responses_size(), 2);
  EXPECT_EQ(status.outdated_ocsp_responses(1).key_name(), "brake");
}

TEST_F(FillKeysTest, NamesNoKeyToWhoMayNotListKeys) {
  const v1::GetStatusResponse status = Ask(100);
  EXPECT_THAT(status.DebugString(), Not(HasSubstr("brake")));
  EXPECT_THAT(status.DebugString(), Not(HasSubstr("robot")));
  EXPECT_THAT(status.DebugString(), Not(HasSubstr("lost")));
  // How many there are, and when they end, is no secret.
  ASSERT_EQ(status.endings_size(), 5);
  EXPECT_EQ(status.endings(2).kind(), "certificate");
  EXPECT_EQ(status.endings(2).days_left(), 10);
  EXPECT_EQ(status.endings(4).subject(), "CN=CA of the file");
  EXPECT_EQ(status.key_problems_size(), 2);
  EXPECT_EQ(status.outdated_ocsp_responses_size(), 2);
}

TEST_F(FillKeysTest, NamesTheKeysThatTheCallerMayList) {
  const v1::GetStatusResponse status = Ask(101);
  EXPECT_THAT(status.DebugString(), Not(HasSubstr("brake")));
  EXPECT_EQ(status.endings(0).subject(), "CN=robot_1");
  EXPECT_EQ(status.key_problems(0).key_name(), "robot_1");
  EXPECT_EQ(status.outdated_ocsp_responses(0).key_name(), "robot_1");
}

}  // namespace
}  // namespace ddskey
