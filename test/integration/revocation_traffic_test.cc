// What ends the right of a participant or a peer ends its traffic, in unmodified applications; and nobody else's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "test/support/ddsperf.h"
#include "test/support/pki.h"
#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/sanitizer.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::CycloneConfig;
using ::ddskey::test::CycloneOptions;
using ::ddskey::test::Ddsperf;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::WaitFor;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using Clock = std::chrono::steady_clock;

constexpr char kAllowed[] = R"(
rule { name: "admin" effect: ALLOW caller { uid: 0 } key: "*"
       operation: [KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, TRUST_CHANGE, STATUS] }
rule { name: "use" effect: ALLOW caller { uid: 0 } key: "*" operation: HANDSHAKE }
)";

class RevocationTrafficTest : public ::testing::Test {
 protected:
  std::string Enroll(const std::string& name, absl::Time not_after = absl::Now() + absl::Hours(100)) {
    test::CertificateOptions options;
    options.subject = {{"O", "Lab"}, {"CN", name}};
    options.not_after = not_after;
    const std::string certificate = daemon_.Enroll(name, pki_.identity_ca(), options);
    pki_.AddCertified(name, certificate);
    return certificate;
  }

  // Start runs ddsperf as `name`, whose key is in the daemon, in a DDS domain.
  std::unique_ptr<Ddsperf> Start(const std::vector<std::string>& arguments, const std::string& name, int domain) const {
    CycloneOptions options = CycloneOptions::For(pki_, name, domain);
    options.private_key = "ddskey:" + name;
    options.library = std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so");
    return Run(arguments, options);
  }
  std::unique_ptr<Ddsperf> StartBuiltin(const std::vector<std::string>& arguments, const std::string& name,
                                        int domain) const {
    return Run(arguments, CycloneOptions::For(pki_, name, domain));
  }
  std::unique_ptr<Ddsperf> Run(const std::vector<std::string>& arguments, const CycloneOptions& options) const {
    test::Process::Options process;
    process.environment = test::SanitizerEnvironment();
    process.environment["DDSKEY_SOCKET"] = daemon_.socket();
    return Ddsperf::Start(arguments, CycloneConfig(options), process);
  }

  void Install(const std::string& key, const std::string& list) {
    v1::InstallRevocationListsRequest request;
    request.set_key_name(key);
    request.set_revocation_lists(list);
    ASSERT_OK(daemon_.admin().InstallRevocationLists(request).status());
  }

  // Dropped waits until an application says that it has dropped somebody, and returns how long it took.
  static milliseconds Dropped(const Ddsperf& application, const std::string& why, Clock::time_point since) {
    EXPECT_TRUE(WaitFor([&] { return application.Output().find(why) != std::string::npos; })) << application.Output();
    return std::chrono::duration_cast<milliseconds>(Clock::now() - since);
  }

  // FallsSilent says whether a subscriber has received nothing during a whole period of its reports.
  static bool FallsSilent(const Ddsperf& subscriber) {
    uint64_t before = subscriber.Samples();
    auto since = Clock::now();
    return WaitFor([&] {
      const uint64_t now = subscriber.Samples();
      if (now != before) {
        before = now;
        since = Clock::now();
      }
      return Clock::now() - since > milliseconds(2500);
    });
  }

  static constexpr int kDomain = 5;
  static constexpr int kOther = 6;
  const test::TempDir folder_;
  test::CyclonePki pki_{folder_.path()};
  TestDaemon daemon_{TestDaemon::Options{.backends = "", .policy = kAllowed, .more = ""}};
};

TEST_F(RevocationTrafficTest, ARevokedPeerIsDroppedWithinASecondAndItsNeighboursGoOn) {
  Enroll("listener");
  const std::string talkers = Enroll("talker");
  Enroll("bystander");
  Enroll("other-listener");
  pki_.AddParticipant("with-file");
  const auto listener = Start({"sub"}, "listener", kDomain);
  const auto talker = Start({"pub", "100Hz"}, "talker", kDomain);
  const auto other_listener = Start({"sub"}, "other-listener", kOther);
  const auto other_talker = StartBuiltin({"pub", "100Hz"}, "with-file", kOther);
  ASSERT_TRUE(listener->WaitForData(10)) << listener->Output() << talker->Output();
  ASSERT_TRUE(other_listener->WaitForData(10)) << other_listener->Output() << other_talker->Output();

  // A list that is replaced all the time harms nobody who is not on it; newcomers shake hands meanwhile.
  std::atomic<bool> enough = false;
  std::atomic<int> replaced = 0;
  std::thread administrator([&] {
    const std::string lists[] = {pki_.identity_ca().Crl({}), pki_.identity_ca().Crl({})};
    for (auto next = Clock::now(); !enough; next += milliseconds(10)) {
      std::this_thread::sleep_until(next);
      for (const char* key : {"listener", "talker", "other-listener"}) Install(key, lists[replaced++ % 2]);
    }
  });
  const auto newcomer = Start({"sub"}, "bystander", kDomain);
  EXPECT_TRUE(newcomer->WaitForData(200)) << newcomer->Output();
  EXPECT_TRUE(listener->WaitForData(listener->Samples() + 100)) << listener->Output();
  enough = true;
  administrator.join();
  EXPECT_GT(replaced, 100);
  for (const Ddsperf* each : {listener.get(), talker.get(), other_listener.get(), newcomer.get()}) {
    EXPECT_THAT(each->Output(), Not(HasSubstr("dropped"))) << replaced;
  }

  const auto since = Clock::now();
  Install("listener", pki_.identity_ca().Crl({talkers}));
  const milliseconds took = Dropped(*listener, "the peer is dropped: [revoked]", since);
  EXPECT_LT(took, milliseconds(1000));
  RecordProperty("milliseconds", static_cast<int>(took.count()));
  EXPECT_TRUE(FallsSilent(*listener)) << listener->Output();
  EXPECT_TRUE(newcomer->WaitForData(newcomer->Samples() + 100)) << "the list is the listener's alone";
  EXPECT_TRUE(other_listener->WaitForData(other_listener->Samples() + 100)) << other_listener->Output();

  // A peer with the builtin plugin is revoked as well, by whoever is in custody.
  Install("other-listener", pki_.identity_ca().Crl({test::ReadFile(pki_.File("with-file.pem"))}));
  EXPECT_LT(Dropped(*other_listener, "the peer is dropped: [revoked]", Clock::now()), milliseconds(1500));
  EXPECT_TRUE(FallsSilent(*other_listener)) << other_listener->Output();
}

TEST_F(RevocationTrafficTest, AnExpiryADenyRuleAndTheOwnRevocationEndTraffic) {
  Enroll("listener");
  Enroll("other-listener");
  // Certificates have whole seconds.
  const auto ends = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 12);
  Enroll("brief", ends);
  Enroll("denied");
  const auto listener = Start({"sub"}, "listener", kDomain);
  const auto brief = Start({"pub", "100Hz"}, "brief", kDomain);
  const auto other_listener = Start({"sub"}, "other-listener", kOther);
  const auto denied = Start({"pub", "100Hz"}, "denied", kOther);
  ASSERT_TRUE(listener->WaitForData(10)) << listener->Output() << brief->Output();
  ASSERT_TRUE(other_listener->WaitForData(10)) << other_listener->Output() << denied->Output();
  EXPECT_THAT(brief->Output(), HasSubstr("its certificate ends")) << "less than a day is left";

  const auto since = Clock::now();
  daemon_.SetPolicy(std::string(kAllowed) +
                    R"(rule { name: "not-denied" effect: DENY caller { uid: 0 } key: "other-listener"
                              operation: HANDSHAKE peer { subject: "CN=denied*" } })");
  EXPECT_LT(Dropped(*other_listener, "the peer is dropped: [peer]", since), milliseconds(1500));

  EXPECT_TRUE(WaitFor([&] { return listener->Output().find("dropped: [expired]") != std::string::npos; }))
      << listener->Output();
  EXPECT_LT(absl::Now(), ends + absl::Milliseconds(1500));
  EXPECT_GE(absl::Now(), ends);
  EXPECT_TRUE(FallsSilent(*listener));

  // Its own certificate is revoked: the participant is deleted, and says why.
  Install("denied", pki_.identity_ca().Crl({test::ReadFile(pki_.File("denied.pem"))}));
  Dropped(*denied, "this participant may not go on", Clock::now());
  Dropped(*brief, "this participant may not go on", Clock::now());
}

}  // namespace
}  // namespace ddskey
