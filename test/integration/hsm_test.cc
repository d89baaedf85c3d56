// Keys in PKCS#11 tokens, as the operator of a daemon deals with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/support/pkcs11_token.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/softhsm.h"
#include "test/support/softhsm_backend.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class HsmTest : public ::testing::Test {
 protected:
  HsmTest() { setenv("CREDENTIALS_DIRECTORY", credentials_.path().c_str(), 1); }
  ~HsmTest() override { unsetenv("CREDENTIALS_DIRECTORY"); }

  void Give(const std::string& credential, const std::string& value) {
    remove(credentials_.File(credential).c_str());
    chmod(credentials_.Write(credential, value).c_str(), 0400);
  }
  // Begin starts the daemon with these backends and the software one.
  void Begin(const std::string& backends) {
    TestDaemon::Options options;
    options.backends = absl::StrCat(backends, "backend { name: \"software\" software {} }");
    if (daemon_ == nullptr) {
      daemon_ = std::make_unique<TestDaemon>(options);
      return;
    }
    daemon_->Kill();
    daemon_->Configure(options);
    daemon_->Start();
  }
  bool Healthy() {
    return test::WaitFor([&] {
      const v1::GetStatusResponse status = daemon_->Status();
      for (const v1::BackendStatus& backend : status.backends()) {
        if (!backend.healthy()) return false;
      }
      return true;
    });
  }
  void Enroll(const std::string& name, const std::string& backend, const std::string& algorithm = "ec-p256") {
    certificates_[name] = daemon_->Enroll(name, ca_, test::Named(name), algorithm, backend);
  }
  absl::Status Csr(const std::string& name) {
    v1::CreateCertificateSigningRequestRequest request;
    request.set_key_name(name);
    v1::SubjectAttribute& attribute = *request.add_subject();
    attribute.set_type("CN");
    attribute.set_value(name);
    return daemon_->admin().CreateCertificateSigningRequest(request).status();
  }
  // Meet is a handshake between two keys.
  CallStatus Meet(const std::string& a, const std::string& b) {
    TestParticipant initiator(daemon_->socket(), a, certificates_[a], 'a');
    TestParticipant replier(daemon_->socket(), b, certificates_[b], 'b');
    if (const CallStatus status = initiator.Validate(); !status.ok()) return status;
    if (const CallStatus status = replier.Validate(); !status.ok()) return status;
    return Shake(initiator, replier);
  }
  v1::Key Key(const std::string& name) {
    v1::GetKeyRequest request;
    request.set_name(name);
    const auto response = daemon_->admin().GetKey(request);
    EXPECT_OK(response.status());
    return response.ok() ? response->key() : v1::Key();
  }
  // Ctl runs ddskeyctl.
  int Ctl(std::vector<std::string> words, std::string* output) {
    words.insert(words.begin(), {"client/cli/ddskeyctl", "--socket", daemon_->admin_socket()});
    return test::Run(words, output);
  }
  // Tool runs pkcs11-tool on a token.
  int Tool(std::vector<std::string> words, std::string* output) {
    words.insert(words.begin(),
                 {"pkcs11-tool", "--module", test::kSoftHsmModule, "--login", "--pin", "1234", "--token-label"});
    test::Process::Options options;
    options.environment["SOFTHSM2_CONF"] = hsm_.config();
    return test::Run(words, output, options);
  }

  const test::TempDir credentials_;
  const test::SoftHsm hsm_;
  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  std::unique_ptr<TestDaemon> daemon_;
  std::map<std::string, std::string> certificates_;
};

TEST_F(HsmTest, TwoTokensAndSoftwareServeOneDaemonUnderWhateverNames) {
  const std::string serial = hsm_.AddToken("one", "pin-of-one");
  hsm_.AddToken("two", "pin-of-two");
  Give("ddskeyd.pkcs11-pin.a", "pin-of-one\n");
  Give("ddskeyd.pkcs11-pin.b", "pin-of-two");
  Begin(test::SoftHsmBackend(hsm_, "a", "one") + test::SoftHsmBackend(hsm_, "b", "two"));
  ASSERT_TRUE(Healthy());
  EXPECT_THAT(daemon_->Status().backends(0).device(), AllOf(HasSubstr("SoftHSM"), HasSubstr(serial)));
  Enroll("of-one", "a");
  Enroll("of-two", "b", "rsa-2048");
  Enroll("of-file", "software");
  EXPECT_TRUE(Meet("of-one", "of-two").ok());
  EXPECT_TRUE(Meet("of-two", "of-file").ok());
  EXPECT_TRUE(Meet("of-file", "of-one").ok());

  Give("ddskeyd.pkcs11-pin.b", "pin-of-one");
  Give("ddskeyd.pkcs11-pin.c", "pin-of-two");
  Begin(test::SoftHsmBackend(hsm_, "b", "one") + test::SoftHsmBackend(hsm_, "c", "two"));
  ASSERT_TRUE(Healthy());
  EXPECT_TRUE(Meet("of-one", "of-two").ok());
  EXPECT_EQ(Key("of-one").backend(), "b");
  EXPECT_EQ(Key("of-two").backend(), "c");
  EXPECT_EQ(daemon_->Status().unusable_keys(), 0U);
  EXPECT_THAT(daemon_->Log(), AllOf(Not(HasSubstr("pin-of-one")), Not(HasSubstr("pin-of-two"))));
}

TEST_F(HsmTest, S12AWrongPinIsTriedOnceAndAnAdministratorGivesAnother) {
  hsm_.AddToken("one", "1234");
  Give("ddskeyd.pkcs11-pin", "wrong");
  Begin(test::SoftHsmBackend(hsm_, "hsm", "one"));
  EXPECT_TRUE(test::WaitFor([&] { return daemon_->Status().backends(0).waits_for_size() == 1; }));
  EXPECT_EQ(daemon_->Status().backends(0).waits_for(0), "pin");
  v1::CreateKeyRequest create;
  create.set_name("talker");
  for (int i = 0; i < 12; ++i) {
    // More often than a token takes before it is locked.
    ASSERT_THAT(daemon_->admin().CreateKey(create).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("backend unlock")));
  }
  std::string output;
  const auto unlock = [&](const std::string& value) {
    const std::string file = credentials_.Write("value", value + "\n");
    chmod(file.c_str(), 0600);
    return Ctl({"backend", "unlock", "hsm", "--value-file", file}, &output);
  };
  EXPECT_EQ(unlock("wrong"), 1);
  EXPECT_THAT(output, HasSubstr("refused this PIN before"));
  ASSERT_EQ(unlock("1234"), 0) << output;
  EXPECT_OK(daemon_->admin().CreateKey(create).status());
  EXPECT_EQ(unlock("1234"), 1);
  EXPECT_THAT(output, HasSubstr("waits for no value"));
  EXPECT_THAT(daemon_->Log(), AllOf(HasSubstr("operation=\"UnlockBackend\""), Not(HasSubstr("1234"))));
}

TEST_F(HsmTest, AdoptsAKeyByItsLabel) {
  hsm_.AddToken("one", "1234");
  const test::TestKey key = test::TestKey::Generate();
  hsm_.Import("one", "1234", key.pem(), "my key", "0a0b");
  Give("ddskeyd.pkcs11-pin", "1234");
  Begin(test::SoftHsmBackend(hsm_, "hsm", "one"));
  std::string output;
  ASSERT_EQ(Ctl({"key", "adopt", "talker", "--label", "my key", "--backend", "hsm"}, &output), 0) << output;
  EXPECT_THAT(output, HasSubstr("CKA_NEVER_EXTRACTABLE")) << "it was made elsewhere";
  EXPECT_TRUE(Key("talker").imported());
  EXPECT_EQ(TestDaemon::PublicKeyOf(Key("talker")), key.public_key());
  EXPECT_OK(Csr("talker"));
  EXPECT_EQ(Ctl({"key", "adopt", "again", "--label", "my key"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("talker")) << "one key, one name";
  EXPECT_EQ(Ctl({"key", "adopt", "other", "--label", "none"}, &output), 1);
  EXPECT_EQ(Ctl({"key", "adopt", "other", "--label", "my key", "--backend", "software"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("backend of that device"));
  const std::string file = credentials_.Write("key.pem", test::TestKey::Generate().pem());
  chmod(file.c_str(), 0600);
  EXPECT_EQ(Ctl({"key", "import", "other", "--key", file, "--backend", "hsm"}, &output), 1);
  EXPECT_THAT(output, HasSubstr("key adopt"));
}

TEST_F(HsmTest, KeysAreRemovedFromTheTokenWithItsOwnTools) {
  hsm_.AddToken("one", "1234");
  Give("ddskeyd.pkcs11-pin", "1234");
  Begin(test::SoftHsmBackend(hsm_, "hsm", "one"));
  Enroll("talker", "hsm");
  std::string objects;
  ASSERT_EQ(Tool({"one", "--list-objects"}, &objects), 0);
  EXPECT_THAT(objects, AllOf(HasSubstr("ddskey handshake "), HasSubstr("never extractable")));
  const size_t at = objects.find("ID:");
  const std::string id = objects.substr(objects.find_first_not_of(' ', at + 3), 32);
  for (const char* type : {"privkey", "pubkey"}) {
    std::string output;
    ASSERT_EQ(Tool({"one", "--delete-object", "--type", type, "--id", id}, &output), 0) << output;
  }
  daemon_->Kill();
  daemon_->Start();
  EXPECT_THAT(Csr("talker"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no such key any more")));
  std::string output;
  EXPECT_EQ(Ctl({"key", "delete", "talker", "--purge", "--yes"}, &output), 0) << output;
}

TEST_F(HsmTest, ProgramsReachATokensKeysThroughOurOwnModule) {
  hsm_.AddToken("one", "1234");
  Give("ddskeyd.pkcs11-pin", "1234");
  Begin(test::SoftHsmBackend(hsm_, "hsm", "one"));
  v1::CreateKeyRequest create;
  create.set_name("signer");
  create.set_purpose("digest");
  daemon_->Enroll(create, ca_, test::Named("signer"));
  setenv("DDSKEY_SOCKET", daemon_->socket().c_str(), 1);
  test::Pkcs11 module;
  const CK_SESSION_HANDLE session = module.Open();
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>("data"), 4, reinterpret_cast<unsigned char*>(digest.data()));
  std::string signature;
  ASSERT_EQ(module.Sign(session, module.PrivateKey(session, "signer"), CKM_ECDSA, digest, &signature), CKR_OK);
  EXPECT_TRUE(test::VerifiesRaw(TestDaemon::PublicKeyOf(Key("signer")), digest, signature));
}

}  // namespace
}  // namespace ddskey
