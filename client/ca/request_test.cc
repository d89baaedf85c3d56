#include "client/ca/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::ca {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class RequestTest : public ::testing::Test {
 protected:
  // Make has openssl make a request with a new key.
  std::string Make(const std::string& key, const std::string& subject, std::vector<std::string> more = {}) {
    std::vector<std::string> command = {"openssl",        "req",   "-new",  "-nodes", "-newkey",       key, "-keyout",
                                        dir_.File("key"), "-subj", subject, "-out",   dir_.File("csr")};
    command.insert(command.end(), more.begin(), more.end());
    std::string output;
    EXPECT_EQ(test::Run(command, &output), 0) << output;
    return test::ReadFile(dir_.File("csr"));
  }
  std::string MakeEc(const std::string& curve, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-pkeyopt", "ec_paramgen_curve:" + curve});
    return Make("ec", "/O=Lab/CN=alice", more);
  }

  const test::TempDir dir_;
};

TEST_F(RequestTest, TakesTheKeysThatParticipantsHave) {
  for (const std::string& pem :
       {MakeEc("P-256"), MakeEc("P-384"), Make("rsa:2048", "/CN=a"), Make("rsa:3072", "/CN=a")}) {
    EXPECT_OK(Request::Parse(pem));
  }
}

TEST_F(RequestTest, ShowsItsSubject) {
  ASSERT_OK_AND_ASSIGN(const Request request, Request::Parse(MakeEc("P-256")));
  EXPECT_EQ(request.subject_text(), "CN=alice,O=Lab");
  EXPECT_THAT(request.attributes(), ElementsAre(Pair("O", "Lab"), Pair("CN", "alice")));
  EXPECT_EQ(request.der().substr(0, 1), "\x30");
  EXPECT_EQ(request.public_key_der().size(), 91U);
}

TEST_F(RequestTest, RefusesWeakAndStrangeKeys) {
  for (const std::string& pem :
       {MakeEc("P-521"), MakeEc("secp256k1"), MakeEc("P-256", {"-pkeyopt", "ec_param_enc:explicit"}),
        Make("rsa:1024", "/CN=a"), Make("rsa:2048", "/CN=a", {"-pkeyopt", "rsa_keygen_pubexp:3"}),
        Make("ed25519", "/CN=a")}) {
    EXPECT_THAT(Request::Parse(pem), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has a key")));
  }
}

TEST_F(RequestTest, RefusesSubjectsThatNobodyCanReadOrCompare) {
  EXPECT_THAT(Request::Parse(Make("rsa:2048", "/")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("subject")));
  EXPECT_THAT(Request::Parse(Make("rsa:2048", "/CN=a\x1b[2J")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("control")));
}

TEST_F(RequestTest, RefusesARequestThatItsKeyDidNotSign) {
  std::string pem = MakeEc("P-256");
  ASSERT_OK_AND_ASSIGN(const Request request, Request::Parse(pem));
  // Another subject of the same length, which shows at the same place of the base64 text.
  ASSERT_EQ(test::Run({"openssl", "req", "-in", dir_.File("csr"), "-outform", "DER", "-out", dir_.File("der")}), 0);
  std::string der = test::ReadFile(dir_.File("der"));
  der.replace(der.find("alice"), 5, "mallo");
  dir_.Write("der", der);
  ASSERT_EQ(test::Run({"openssl", "req", "-in", dir_.File("der"), "-inform", "DER", "-out", dir_.File("csr")}), 0);
  EXPECT_THAT(Request::Parse(test::ReadFile(dir_.File("csr"))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not signed by its own key")));
}

TEST_F(RequestTest, RefusesEverythingElse) {
  const std::string pem = MakeEc("P-256");
  std::string malformed = pem;
  malformed.replace(malformed.find('\n') + 1, 4, "AAAA");
  for (const std::string& other :
       {std::string(), std::string("text"), pem + pem, pem + std::string(16 * 1024, ' '), malformed,
        pem + "-----BEGIN PRIVATE KEY-----\n", test::ReadFile(dir_.File("key"))}) {
    EXPECT_THAT(Request::Parse(other), StatusIs(absl::StatusCode::kInvalidArgument)) << other.substr(0, 60);
  }
  EXPECT_OK(Request::Parse("Certificate Request:\n" + pem + "\n"));
}

}  // namespace
}  // namespace ddskey::ca
