// Passwords of a TPM, and which TPM it is, as the operator of a daemon deals with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::ddskey::test::TestDaemon;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TpmCredentialsTest : public ::testing::Test {
 protected:
  TpmCredentialsTest() { setenv("CREDENTIALS_DIRECTORY", credentials_.path().c_str(), 1); }
  ~TpmCredentialsTest() override { unsetenv("CREDENTIALS_DIRECTORY"); }

  void Give(const std::string& credential, const std::string& value) {
    chmod(credentials_.Write(credential, value).c_str(), 0400);
  }
  int Tool(const std::string& program, const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {program, "-T", tpm_.tcti()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return test::Run(command);
  }
  static absl::Status CreateKey(TestDaemon& daemon, const std::string& name) {
    v1::CreateKeyRequest request;
    request.set_name(name);
    return daemon.admin().CreateKey(request).status();
  }
  static absl::Status Csr(TestDaemon& daemon, const std::string& name) {
    v1::CreateCertificateSigningRequestRequest request;
    request.set_key_name(name);
    v1::SubjectAttribute& attribute = *request.add_subject();
    attribute.set_type("CN");
    attribute.set_value(name);
    return daemon.admin().CreateCertificateSigningRequest(request).status();
  }

  const test::TempDir credentials_;
  test::Swtpm tpm_;
};

TEST_F(TpmCredentialsTest, S12PasswordsAreTheServiceManagersCredentials) {
  ASSERT_EQ(Tool("tpm2_changeauth", {"-c", "o", "owner password"}), 0);
  Give("ddskeyd.tpm2-owner-auth", "owner password\n");
  Give("ddskeyd.tpm2-key-auth.tpm", std::string(32, 'k'));
  {
    TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
    ASSERT_OK(CreateKey(daemon, "talker"));
    const v1::BackendStatus status = daemon.Status().backends(0);
    EXPECT_TRUE(status.healthy()) << status.problem();
    EXPECT_THAT(status.protection(), HasSubstr("ddskeyd.tpm2-key-auth.tpm"));
    EXPECT_THAT(status.device(), HasSubstr("storage root key 000b"));
    EXPECT_THAT(daemon.Log(), Not(HasSubstr("owner password")));

    ASSERT_OK(Csr(daemon, "talker"));
    Give("ddskeyd.tpm2-key-auth.tpm", std::string(32, 'x'));
    daemon.Stop();
    daemon.Start();
    EXPECT_THAT(Csr(daemon, "talker"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another secret")));
  }
  Give("ddskeyd.tpm2-owner-auth", "wrong");
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  EXPECT_THAT(CreateKey(daemon, "talker"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyd.tpm2-owner-auth")));
  EXPECT_THAT(daemon.Status().backends(0).problem(), HasSubstr("ddskeyd.tpm2-owner-auth"));
}

TEST_F(TpmCredentialsTest, S12AnAdministratorGivesAValueThatNoCredentialHas) {
  ASSERT_EQ(Tool("tpm2_changeauth", {"-c", "o", "owner password"}), 0);
  TestDaemon::Options options = TestDaemon::WithTpm(tpm_.tcti());
  options.backends += R"( backend { name: "software" software {} })";
  TestDaemon daemon(options);
  EXPECT_THAT(CreateKey(daemon, "talker"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyctl backend unlock")));
  std::string output;
  const auto unlock = [&](const std::string& backend, const std::string& value) {
    const std::string file = credentials_.Write("value", value + "\n");
    chmod(file.c_str(), 0600);
    return test::Run(
        {"client/cli/ddskeyctl", "--socket", daemon.admin_socket(), "backend", "unlock", backend, "--value-file", file},
        &output);
  };
  ASSERT_EQ(daemon.Status().backends(0).waits_for_size(), 1);
  EXPECT_EQ(daemon.Status().backends(0).waits_for(0), "owner");
  EXPECT_EQ(unlock("tpm", "wrong"), 1);
  EXPECT_THAT(output, HasSubstr("refused this value of its owner; it is forgotten and not tried again"));
  EXPECT_FALSE(CreateKey(daemon, "talker").ok());
  EXPECT_EQ(unlock("software", "x"), 1);
  EXPECT_THAT(output, HasSubstr("waits for no value"));
  ASSERT_EQ(unlock("tpm", "owner password"), 0) << output;
  EXPECT_OK(CreateKey(daemon, "talker"));
  EXPECT_OK(Csr(daemon, "talker"));
  EXPECT_EQ(daemon.Status().backends(0).waits_for_size(), 0);
  EXPECT_TRUE(test::WaitFor([&] { return daemon.Status().backends(0).healthy(); }));
  EXPECT_EQ(unlock("tpm", "owner password"), 1);
  EXPECT_THAT(daemon.Log(), AllOf(HasSubstr("operation=\"UnlockBackend\""), Not(HasSubstr("owner password"))));
  // In memory only.
  daemon.Stop();
  daemon.Start();
  EXPECT_FALSE(Csr(daemon, "talker").ok());
  // A right of its own.
  daemon.SetPolicy(R"(
rule { name: "others" effect: ALLOW caller { uid: 0 } key: "*" operation: [KEY_CREATE, KEY_LIST, CSR_CREATE, STATUS] })");
  EXPECT_EQ(unlock("tpm", "owner password"), 1);
  EXPECT_THAT(output, HasSubstr("BACKEND_UNLOCK"));
}

TEST_F(TpmCredentialsTest, ATpmWithAnotherStorageRootGetsNewKeysWhenTheAdministratorSaysSo) {
  TestDaemon daemon(TestDaemon::WithTpm(tpm_.tcti()));
  ASSERT_OK(CreateKey(daemon, "talker"));
  ASSERT_EQ(Tool("tpm2_clear", {}), 0);
  daemon.Stop();
  daemon.Start();
  EXPECT_THAT(CreateKey(daemon, "listener"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                      AllOf(HasSubstr("storage_root_name"), HasSubstr("000b"))));
  EXPECT_THAT(daemon.Status().backends(0).device(), HasSubstr("(not known)"));
  v1::DeleteKeyRequest request;
  request.set_name("talker");
  ASSERT_OK(daemon.admin().DeleteKey(request));
  daemon.Stop();
  daemon.Start();
  EXPECT_OK(CreateKey(daemon, "listener"));
}

}  // namespace
}  // namespace ddskey
