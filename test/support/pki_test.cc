#include "test/support/pki.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

// The openssl command is the witness: it shares no code with the generator but the library.
class PkiTest : public testing::TestWithParam<TestKeyType> {
 protected:
  int Openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    output_.clear();
    return ::ddskey::test::Run(arguments, &output_);
  }

  TempDir dir_;
  std::string output_;
};

TEST_P(PkiTest, MakesLeavesThatVerifyThroughAnIntermediate) {
  const TestCa root = TestCa::Root("root", GetParam());
  const TestCa intermediate = root.Intermediate("intermediate", GetParam());
  const std::string leaf = dir_.Write("leaf.pem", intermediate.Issue(TestKey::Generate(GetParam()).public_key()));
  const std::string anchor = dir_.Write("root.pem", root.certificate());
  EXPECT_NE(Openssl({"verify", "-CAfile", anchor, leaf}), 0) << output_;
  EXPECT_EQ(Openssl({"verify", "-CAfile", anchor, "-untrusted", dir_.Write("i.pem", intermediate.certificate()), leaf}),
            0)
      << output_;
}

TEST_P(PkiTest, SignsDocumentsAsTheOpensslCommandDoes) {
  const TestCa ca = TestCa::Root("permissions", GetParam());
  const std::string signed_document = dir_.Write("document.p7s", ca.SignDocument("<dds>\n</dds>\n"));
  const std::string anchor = dir_.Write("ca.pem", ca.certificate());
  EXPECT_EQ(Openssl({"smime", "-verify", "-text", "-in", signed_document, "-CAfile", anchor}), 0) << output_;
  EXPECT_NE(output_.find("<dds>"), std::string::npos);
}

TEST_P(PkiTest, MakesRevocationListsThatRevoke) {
  const TestCa ca = TestCa::Root("root", GetParam());
  const TestKey key = TestKey::Generate();
  const std::string revoked = ca.Issue(key.public_key());
  const std::string store = dir_.Write("store.pem", ca.certificate() + ca.Crl({revoked}));
  EXPECT_NE(Openssl({"verify", "-crl_check", "-CAfile", store, dir_.Write("revoked.pem", revoked)}), 0);
  EXPECT_NE(output_.find("revoked"), std::string::npos) << output_;
  EXPECT_EQ(Openssl({"verify", "-crl_check", "-CAfile", store, dir_.Write("good.pem", ca.Issue(key.public_key()))}), 0)
      << output_;
}

INSTANTIATE_TEST_SUITE_P(KeyTypes, PkiTest, testing::Values(TestKeyType::kEcP256, TestKeyType::kRsa2048),
                         [](const auto& type) { return type.param == TestKeyType::kEcP256 ? "Ec" : "Rsa"; });

}  // namespace
}  // namespace ddskey::test
