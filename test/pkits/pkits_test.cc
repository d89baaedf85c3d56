// The cases of the NIST Public Key Interoperability Test Suite (PKITS 1.0.1, certificates of 2011) through the
// validator. What is expected of each is in cases.txt; the certificates and lists are those of a Debian package.

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "daemon/trust/certificate_validator.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

constexpr char kFolder[] = "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data";
constexpr char kCases[] = "test/pkits/cases.txt";
// Within the validity of what is to be valid.
const absl::Time kNow = absl::FromCivil(absl::CivilDay(2021), absl::UTCTimeZone());

struct Case {
  std::string number;
  std::string name;
  bool valid = false;
  // "valid", the refusing check, or "not installed: " and what the list is refused for before any validation.
  std::string ours;
  // The leaf last, as in the suite.
  std::vector<std::string> certificates;
  std::vector<std::string> lists;
  // Why ours is another answer than the suite's; empty if it is the same.
  std::string reason;
};

std::string Read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in.good()) << file << " is missing: apt-get install python3-cryptography-vectors";
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Pem(const std::string& label, const std::string& file) {
  const std::string base64 = absl::Base64Escape(Read(absl::StrCat(kFolder, file)));
  std::string pem = absl::StrCat("-----BEGIN ", label, "-----\n");
  for (size_t i = 0; i < base64.size(); i += 64) absl::StrAppend(&pem, base64.substr(i, 64), "\n");
  return absl::StrCat(pem, "-----END ", label, "-----\n");
}

std::string CertificatePem(const std::string& name) {
  return Pem("CERTIFICATE", absl::StrCat("/certs/", name, ".crt"));
}

std::vector<Case> ReadCases() {
  std::vector<Case> cases;
  std::istringstream in(Read(kCases));
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string> fields = absl::StrSplit(line, " | ");
    EXPECT_GE(fields.size(), 6U) << line;
    cases.push_back({.number = fields[0],
                     .name = fields[1],
                     .valid = fields[2] == "valid",
                     .ours = fields[3],
                     .certificates = absl::StrSplit(fields[4], ' ', absl::SkipEmpty()),
                     .lists = absl::StrSplit(fields[5], ' ', absl::SkipEmpty()),
                     .reason = fields.size() > 6 ? fields[6] : ""});
  }
  return cases;
}

// Answer is what the validator says, in the words of Case::ours.
std::string Answer(CertificateValidator& validator, const Case& each) {
  std::vector<std::string> lists;
  for (const std::string& name : each.lists) lists.push_back(Pem("X509 CRL", absl::StrCat("/crls/", name, ".crl")));
  // The suite wants a list of every CA, and looks at what certificates are for.
  const ValidationOptions options = {.key_usage = Strictness::kRequire,
                                     .missing_revocation_list = Strictness::kRequire,
                                     .outdated_revocation_list = Strictness::kRequire};
  const auto trust =
      TrustStore::Parse({CertificatePem("TrustAnchorRootCertificate")}, lists, OtherIssuers::kAccept, options);
  if (!trust.ok()) return absl::StrCat("not installed: ", trust.status().message());
  std::string chain;
  for (auto name = each.certificates.rbegin(); name != each.certificates.rend(); ++name) chain += CertificatePem(*name);
  const auto result = validator.Validate(chain, **trust, kNow);
  if (result.ok()) return "valid";
  return std::string(result.status().message());
}

TEST(PkitsTest, AnswersEveryCaseAsTheSuiteExpectsOrSaysWhyNot) {
  const std::unique_ptr<CertificateValidator> validator = CertificateValidator::Create();
  for (const Case& each : ReadCases()) {
    const std::string answer = Answer(*validator, each);
    const bool same =
        each.ours.starts_with("not installed: ")
            ? answer.find(each.ours.substr(15)) != std::string::npos && answer.starts_with("not installed")
            : answer == each.ours || answer.starts_with(each.ours + " ");
    EXPECT_TRUE(same) << each.number << " " << each.name << ": " << answer;
  }
}

TEST(PkitsTest, HasEveryCaseOfTheSuite) {
  // Of the sections 4.1 to 4.16.
  constexpr int kOfSection[] = {6, 8, 11, 21, 8, 17, 5, 20, 8, 14, 11, 10, 38, 35, 10, 2};
  std::set<std::string> missing;
  for (size_t section = 0; section < std::size(kOfSection); ++section) {
    for (int i = 1; i <= kOfSection[section]; ++i) missing.insert(absl::StrCat("4.", section + 1, ".", i));
  }
  ASSERT_EQ(missing.size(), 224U);
  for (const Case& each : ReadCases()) EXPECT_EQ(missing.erase(each.number), 1U) << each.number << " is there twice";
  EXPECT_TRUE(missing.empty()) << *missing.begin();
}

TEST(PkitsTest, AcceptsNothingThatTheSuiteRefusesAndRefusesNothingWithoutAReason) {
  for (const Case& each : ReadCases()) {
    const bool accepted = each.ours == "valid";
    EXPECT_TRUE(each.valid || !accepted) << each.number;
    EXPECT_EQ(each.reason.empty(), each.valid == accepted) << each.number;
  }
}

}  // namespace
}  // namespace ddskey
