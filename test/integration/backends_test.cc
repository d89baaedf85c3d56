// Backends are renamed, exchanged, configured twice and taken away: keys go with their devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;

// Named are backends by name: a TCTI, or "software".
using Named = std::vector<std::pair<std::string, std::string>>;

class BackendsTest : public ::testing::Test {
 protected:
  static TestDaemon::Options Configuration(const Named& backends) {
    TestDaemon::Options options;
    for (const auto& [name, device] : backends) {
      absl::StrAppend(&options.backends, "backend { name: \"", name, "\" ");
      if (device == "software") {
        absl::StrAppend(&options.backends, "software {} }\n");
      } else {
        absl::StrAppend(&options.backends, "tpm2 { tcti: \"", device, "\" } }\n");
      }
    }
    return options;
  }

  void Begin(const Named& backends) { daemon_ = std::make_unique<TestDaemon>(Configuration(backends)); }
  void Reconfigure(const Named& backends) {
    daemon_->Kill();
    daemon_->Configure(Configuration(backends));
    daemon_->Start();
  }

  // Enroll makes a key named after its backend.
  void Enroll(const std::string& name, const std::string& backend) {
    certificates_[name] = daemon_->Enroll(name, ca_, test::Named(name), "ec-p256", backend);
  }

  // Meet is a handshake between two keys.
  CallStatus Meet(const std::string& a, const std::string& b) {
    TestParticipant initiator(daemon_->socket(), a, certificates_[a], 'a');
    TestParticipant replier(daemon_->socket(), b, certificates_[b], 'b');
    if (const CallStatus status = initiator.Validate(); !status.ok()) return status;
    if (const CallStatus status = replier.Validate(); !status.ok()) return status;
    return Shake(initiator, replier);
  }

  // Key is what the daemon says of a key.
  v1::Key Key(const std::string& name) {
    v1::GetKeyRequest request;
    request.set_name(name);
    const auto response = daemon_->admin().GetKey(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->key() : v1::Key();
  }
  // Holder is the backend of a key, once the daemon can tell, with what is wrong with it.
  std::string Holder(const std::string& name) {
    EXPECT_TRUE(test::WaitFor([this] {
      const v1::GetStatusResponse status = daemon_->Status();
      for (const v1::BackendStatus& backend : status.backends()) {
        if (!backend.healthy()) return false;
      }
      return true;
    }));
    const v1::Key key = Key(name);
    return absl::StrCat(key.backend(), key.backend_problem().empty() ? "" : ": ", key.backend_problem());
  }

  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  test::Swtpm one_;
  test::Swtpm two_;
  std::unique_ptr<TestDaemon> daemon_;
  std::map<std::string, std::string> certificates_;
};

TEST_F(BackendsTest, RenamedBackendsKeepTheirKeys) {
  Begin({{"tpm", one_.tcti()}, {"software", "software"}});
  Enroll("in-tpm", "tpm");
  Enroll("in-file", "software");
  Reconfigure({{"chip", one_.tcti()}, {"file", "software"}});
  EXPECT_TRUE(Meet("in-tpm", "in-file").ok());
  EXPECT_EQ(Holder("in-tpm"), "chip");
  EXPECT_EQ(Holder("in-file"), "file");
  Enroll("newer", "chip");
  Reconfigure({{"tpm", one_.tcti()}, {"software", "software"}});
  EXPECT_TRUE(Meet("in-tpm", "newer").ok());
  EXPECT_EQ(Holder("newer"), "tpm");
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U);
}

TEST_F(BackendsTest, BackendsThatExchangeTheirNamesKeepTheirKeys) {
  Begin({{"a", one_.tcti()}, {"b", two_.tcti()}, {"c", "software"}});
  Enroll("of-one", "a");
  Enroll("of-two", "b");
  Enroll("of-file", "c");
  Reconfigure({{"b", one_.tcti()}, {"c", two_.tcti()}, {"a", "software"}});
  EXPECT_TRUE(Meet("of-one", "of-two").ok());
  EXPECT_TRUE(Meet("of-file", "of-one").ok());
  EXPECT_EQ(Holder("of-one"), "b");
  EXPECT_EQ(Holder("of-two"), "c");
  EXPECT_EQ(Holder("of-file"), "a");
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U);
}

TEST_F(BackendsTest, ABackendThatIsRenamedWhileItsTpmIsAwayHasItsKeysWhenTheTpmIsBack) {
  Begin({{"a", one_.tcti()}, {"b", two_.tcti()}});
  Enroll("of-one", "a");
  Enroll("of-two", "b");
  one_.Kill();
  Reconfigure({{"c", one_.tcti()}, {"b", two_.tcti()}});
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U) << "nobody knows yet";
  one_.Restart();
  EXPECT_TRUE(Meet("of-one", "of-two").ok());
  EXPECT_EQ(Holder("of-one"), "c");
}

TEST_F(BackendsTest, OneTpmThatIsConfiguredTwiceServesItsKeysUnderBothNames) {
  Begin({{"a", one_.tcti()},
         {"b", absl::StrCat("swtpm:path=", one_.socket().substr(0, one_.socket().rfind('/')), "/./s")}});
  Enroll("of-a", "a");
  Enroll("of-b", "b");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Meet("of-a", "of-b").ok());
  EXPECT_EQ(Holder("of-a"), "a");
  EXPECT_EQ(Holder("of-b"), "b");
  Reconfigure({{"b", one_.tcti()}});
  EXPECT_TRUE(Meet("of-a", "of-b").ok());
  EXPECT_EQ(Holder("of-a"), "b");
}

TEST_F(BackendsTest, KeysOfABackendThatWasTakenAwaySaySoUntilItIsBack) {
  Begin({{"tpm", one_.tcti()}, {"software", "software"}});
  Enroll("in-tpm", "tpm");
  Enroll("in-file", "software");
  Enroll("other", "software");
  Reconfigure({{"software", "software"}});
  EXPECT_THAT(Holder("in-tpm"), HasSubstr("tpm: the backend that holds the key is not configured any more"));
  EXPECT_EQ(daemon_->Status().unusable_keys(), 1U);
  EXPECT_EQ(Meet("in-file", "in-tpm").code, CallCode::kUnavailable);
  EXPECT_TRUE(Meet("in-file", "other").ok());
  Reconfigure({{"software", "software"}, {"tpm", one_.tcti()}});
  EXPECT_TRUE(Meet("in-file", "in-tpm").ok());
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U);
}

TEST_F(BackendsTest, ATpmInThePlaceOfAnotherHasItsOwnKeysOnly) {
  Begin({{"tpm", one_.tcti()}, {"software", "software"}});
  Enroll("of-one", "tpm");
  Enroll("in-file", "software");
  Reconfigure({{"tpm", two_.tcti()}, {"software", "software"}});
  EXPECT_THAT(Holder("of-one"), HasSubstr("tpm: the device of this backend is not the one that made the key"));
  EXPECT_EQ(daemon_->Status().unusable_keys(), 1U);
  EXPECT_FALSE(Meet("of-one", "in-file").ok());
  Reconfigure({{"first", one_.tcti()}, {"second", two_.tcti()}, {"software", "software"}});
  Enroll("of-two", "second");
  EXPECT_TRUE(Meet("of-one", "of-two").ok());
  EXPECT_EQ(Holder("of-one"), "first");
  EXPECT_EQ(Holder("of-two"), "second");
}

}  // namespace
}  // namespace ddskey
