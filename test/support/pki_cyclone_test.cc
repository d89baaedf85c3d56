#include "test/support/pki_cyclone.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

constexpr char kDdsperf[] = "ddsperf";

std::unique_ptr<Process> StartDdsperf(const CycloneOptions& options, const std::string& mode,
                                      const std::string& output) {
  return Process::Start({kDdsperf, "-D20", mode},
                        {.environment = {{"CYCLONEDDS_URI", CycloneConfig(options)}}, .user = {}, .output = output});
}

class PkiCycloneTest : public testing::TestWithParam<TestKeyType> {};

TEST_P(PkiCycloneTest, SecuresTwoParticipantsOfTheBuiltinPlugin) {
  const TempDir dir;
  CyclonePki pki(dir.path(), GetParam());
  pki.AddParticipant("talker", GetParam());
  pki.AddParticipant("listener", GetParam());
  const auto sub = StartDdsperf(CycloneOptions::For(pki, "listener", 77), "sub", dir.File("sub.log"));
  const auto pub = StartDdsperf(CycloneOptions::For(pki, "talker", 77), "pub", dir.File("pub.log"));
  EXPECT_TRUE(WaitFor([&] {
    const std::string output = sub->Output();
    return output.find("rate") != std::string::npos && output.find("total") != std::string::npos;
  })) << sub->Output()
      << pub->Output();
}

TEST_P(PkiCycloneTest, PutsTheSecuritySectionIntoForce) {
  const TempDir dir;
  CyclonePki pki(dir.path(), GetParam());
  pki.AddParticipant("talker", GetParam());
  CycloneOptions options = CycloneOptions::For(pki, "talker", 77);
  options.identity_ca = options.permissions_ca;
  const auto pub = StartDdsperf(options, "pub", dir.File("pub.log"));
  const auto status = pub->Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_NE(*status, 0) << pub->Output();
}

INSTANTIATE_TEST_SUITE_P(KeyTypes, PkiCycloneTest, testing::Values(TestKeyType::kEcP256, TestKeyType::kRsa2048),
                         [](const auto& type) { return type.param == TestKeyType::kEcP256 ? "Ec" : "Rsa"; });

}  // namespace
}  // namespace ddskey::test
