// Everything that may be wrong with a path, each with the check that refuses it.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "daemon/trust/certificate_validator.h"
#include "test/support/pki_cases.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

// CheckOf is the check that a message begins with.
std::string CheckOf(std::string_view message) { return std::string(message.substr(0, message.find(' '))); }

class PathCasesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { cases_ = new std::vector<test::PkiCase>(test::PkiCases(now_)); }
  static void TearDownTestSuite() { delete cases_; }

  static absl::StatusOr<std::shared_ptr<const ValidCertificate>> Validate(CertificateValidator& validator,
                                                                          const test::PkiCase& each) {
    const auto trust = TrustStore::Parse(each.anchors, each.lists, OtherIssuers::kAccept, each.options);
    EXPECT_TRUE(trust.ok()) << each.name << ": " << trust.status();
    if (!trust.ok()) return trust.status();
    return validator.Validate(each.chain, **trust, now_);
  }

  static inline const absl::Time now_ = absl::Now();
  static inline const std::vector<test::PkiCase>* cases_ = nullptr;
};

TEST_F(PathCasesTest, NamesTheCheckThatRefusesOrWarns) {
  const std::unique_ptr<CertificateValidator> validator = CertificateValidator::Create();
  for (const test::PkiCase& each : *cases_) {
    // The second answer comes from the cache.
    for (int i = 0; i < 2; ++i) {
      const auto result = Validate(*validator, each);
      EXPECT_EQ(result.ok()
                    ? ""
                    : CheckOf(std::string_view(result.status().message().data(), result.status().message().size())),
                each.check)
          << each.name << ": " << result.status();
      if (!result.ok()) continue;
      std::vector<std::string> warnings;
      for (const std::string& warning : (*result)->warnings()) warnings.push_back(CheckOf(warning));
      EXPECT_EQ(warnings, each.warnings) << each.name;
    }
  }
}

TEST_F(PathCasesTest, HasACaseOfEveryCheck) {
  std::set<std::string> checks;
  std::set<std::string> names;
  for (const test::PkiCase& each : *cases_) {
    checks.insert(each.check);
    EXPECT_TRUE(names.insert(each.name).second) << each.name << " is there twice";
  }
  EXPECT_EQ(checks, (std::set<std::string>{"", "[certificate_format]", "[critical_extension]", "[depth]", "[expired]",
                                           "[extended_key_usage]", "[issuer]", "[key_strength]", "[key_type]",
                                           "[key_usage]", "[name_constraints]", "[not_yet_valid]", "[policy]",
                                           "[revocation_list_missing]", "[revocation_list_outdated]", "[revoked]"}));
}

TEST_F(PathCasesTest, S8OtherOptionsAreAnotherVerdict) {
  const std::unique_ptr<CertificateValidator> validator = CertificateValidator::Create();
  const test::PkiCase& good = cases_->front();
  const auto validate = [&](const ValidationOptions& options) {
    test::PkiCase each = good;
    each.options = options;
    return Validate(*validator, each);
  };
  EXPECT_OK(validate({.missing_revocation_list = Strictness::kIgnore}));
  EXPECT_FALSE(validate({.missing_revocation_list = Strictness::kRequire}).ok());
  const auto warned = validate({.missing_revocation_list = Strictness::kWarn});
  ASSERT_OK(warned);
  EXPECT_EQ((*warned)->warnings().size(), 1U);
  EXPECT_EQ(validator->validations(), 3U);
  EXPECT_OK(validate({.missing_revocation_list = Strictness::kIgnore}));
  EXPECT_FALSE(validate({.missing_revocation_list = Strictness::kRequire}).ok());
  EXPECT_EQ(validator->validations(), 3U) << "what was known under the other options stays known";
}

}  // namespace
}  // namespace ddskey
