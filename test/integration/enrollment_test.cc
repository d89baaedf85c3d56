// Enrolment in two messages, with the real daemon, TPMs as their manufacturer makes them, and a CA in a folder; and
// what a bad owner of a TPM, somebody between machine and CA, and a user of the machine try.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "client/attestation/tpm_structures.h"
#include "ddskey/v1/attestation.pb.h"
#include "test/support/forged_tpm.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/tpm_manufacturer.h"

namespace ddskey {
namespace {

using ::ddskey::test::TestDaemon;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnbound = 4;

class EnrollmentTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  static void SetUpTestSuite() { manufacturer_ = new test::TpmManufacturer; }
  static void TearDownTestSuite() { delete std::exchange(manufacturer_, nullptr); }

  EnrollmentTest() {
    std::filesystem::permissions(dir_.Write("passphrase", "correct horse\n"), std::filesystem::perms(0600));
    EXPECT_EQ(Ctl({"ca", "init", ca(), "--organization", "Lab", "--passphrase-file", dir_.File("passphrase")}), 0)
        << output_;
    dir_.Write("list", "# nobody yet\n");
  }

  std::string ca() const { return dir_.File("ca"); }

  // Ctl runs ddskeyctl where there is no daemon, At where `daemon` is; what it printed is in output_.
  int Ctl(Words words) {
    words.insert(words.begin(), {"client/cli/ddskeyctl", "--socket", "/nonexistent"});
    return test::Run(words, &output_);
  }
  int At(const TestDaemon& daemon, Words words) {
    words.insert(words.begin(), {"client/cli/ddskeyctl", "--socket", daemon.admin_socket()});
    return test::Run(words, &output_);
  }

  std::string Nonce() {
    EXPECT_EQ(Ctl({"ca", "nonce", ca()}), 0) << output_;
    return std::string(absl::StripAsciiWhitespace(output_));
  }

  // Enroll is the first message; the bundle is in the file `name`, its nonce in nonce_.
  int Enroll(const TestDaemon& daemon, const std::string& name, const Words& more = {}) {
    nonce_ = Nonce();
    std::filesystem::remove(dir_.File(name));
    Words words = {"enroll", name, "--nonce", nonce_, "--out", dir_.File(name)};
    words.insert(words.end(), more.begin(), more.end());
    return At(daemon, words);
  }
  Words NewIdentity(const std::string& name) const {
    return {"--subject", "/O=Lab/CN=" + name, "--ca", ca() + "/identity_ca.pem"};
  }
  v1::AttestationBundle Bundle(const std::string& file) const {
    v1::AttestationBundle bundle;
    EXPECT_TRUE(bundle.ParseFromString(test::ReadFile(dir_.File(file))));
    return bundle;
  }
  int Verify(const std::string& file, Words more = {}) {
    Words words = {"attest", "verify", dir_.File(file), "--nonce", nonce_, "--ek-roots", manufacturer_->roots()};
    words.insert(words.end(), more.begin(), more.end());
    return Ctl(words);
  }

  // List writes down that the TPM of a bundle belongs to a subject, as it is proposed where it is not listed.
  void List(const std::string& name) {
    EXPECT_EQ(Sign(name), kRefused) << output_;
    const size_t at = output_.find("the line for it would be: ");
    ASSERT_NE(at, std::string::npos) << output_;
    dir_.Write("list", test::ReadFile(dir_.File("list")) + output_.substr(at + 26));
  }

  // Sign is the CA's answer, in the file `name`.wrapped.
  int Sign(const std::string& name, const Words& more = {}) {
    std::filesystem::remove(dir_.File(name + ".wrapped"));
    Words words = {"ca",
                   "sign",
                   ca(),
                   "--attestation",
                   dir_.File(name),
                   "--ek-roots",
                   manufacturer_->roots(),
                   "--ek-list",
                   dir_.File("list"),
                   "--yes",
                   "--passphrase-file",
                   dir_.File("passphrase"),
                   "--out",
                   dir_.File(name + ".wrapped")};
    words.insert(words.end(), more.begin(), more.end());
    return Ctl(words);
  }
  int Finish(const TestDaemon& daemon, const std::string& name) {
    return At(daemon, {"enroll", "finish", name, "--certificate", dir_.File(name + ".wrapped")});
  }
  // ChangeAnswer alters the CA's answer.
  template <typename Change>
  void ChangeAnswer(const std::string& name, Change change) {
    v1::WrappedDocument wrapped;
    ASSERT_TRUE(wrapped.ParseFromString(test::ReadFile(dir_.File(name + ".wrapped"))));
    change(wrapped);
    dir_.Write(name + ".wrapped", wrapped.SerializeAsString());
  }

  static test::TpmManufacturer* manufacturer_;
  test::TempDir dir_;
  std::string nonce_;
  std::string output_;
};

test::TpmManufacturer* EnrollmentTest::manufacturer_ = nullptr;

TEST_F(EnrollmentTest, S11AKeyInATpmIsCertifiedAndRenewedInTwoMessages) {
  const auto tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  List("talker");
  ASSERT_EQ(Sign("talker", {"--subject", "/O=Lab/CN=listener"}), kRefused) << output_;
  ASSERT_EQ(Sign("talker", {"--subject", "/O=Lab/CN=talker"}), 0) << output_;
  EXPECT_THAT(test::ReadFile(dir_.File("talker.wrapped")), Not(HasSubstr("CERTIFICATE")));
  // The attestation key is the same after the machine was off.
  tpm->Restart();
  ASSERT_EQ(Finish(daemon, "talker"), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("BOUND"), HasSubstr("CN=talker,O=Lab")));

  EXPECT_EQ(Enroll(daemon, "talker", {"--subject", "/O=Lab/CN=other"}), kUsage) << output_;
  ASSERT_EQ(Enroll(daemon, "talker"), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("next key"));
  ASSERT_EQ(Sign("talker"), 0) << output_;
  ASSERT_EQ(Finish(daemon, "talker"), 0) << output_;
  ASSERT_EQ(At(daemon, {"identity", "show", "talker"}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("old, replaced"), HasSubstr("Generation:   2")));
  EXPECT_THAT(daemon.Log(), AllOf(HasSubstr("operation=\"AttestKey\" outcome=\"allowed\""),
                                  HasSubstr("operation=\"ActivateCredential\" outcome=\"allowed\"")));

  // BOUND by a challenge, and for the answer to that challenge alone.
  std::filesystem::remove(dir_.File("talker"));
  ASSERT_EQ(At(daemon, {"attest", "talker", "--nonce", nonce_, "--pcr", "23", "--out", dir_.File("talker")}), 0)
      << output_;
  ASSERT_EQ(Verify("talker"), kUnbound) << output_;
  EXPECT_THAT(output_, HasSubstr("UNBOUND"));
  ASSERT_EQ(Ctl({"attest", "challenge", dir_.File("talker"), "--nonce", nonce_, "--ek-roots", manufacturer_->roots(),
                 "--out", dir_.File("challenge"), "--expected", dir_.File("expected")}),
            0)
      << output_;
  ASSERT_EQ(
      At(daemon, {"attest", "activate", "talker", "--challenge", dir_.File("challenge"), "--out", dir_.File("answer")}),
      0)
      << output_;
  EXPECT_EQ(Verify("talker", {"--answer", dir_.File("answer"), "--expected", dir_.File("expected")}), 0) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("BOUND\n"), Not(HasSubstr("UNBOUND"))));
  EXPECT_EQ(Verify("talker", {"--answer", dir_.File("expected"), "--expected", dir_.File("expected")}), kRefused);
  EXPECT_EQ(Verify("talker", {"--answer", dir_.File("answer")}), kUsage);
}

TEST_F(EnrollmentTest, S11AnAlterationOfAnyFieldOfATpmsAttestationIsRefused) {
  const auto tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  ASSERT_EQ(Verify("talker"), kUnbound) << output_;
  const v1::AttestationBundle good = Bundle("talker");
  const google::protobuf::Descriptor& fields = *good.GetDescriptor();
  int altered = 0;
  for (int i = 0; i < fields.field_count(); ++i) {
    v1::AttestationBundle bundle = good;
    const google::protobuf::Reflection& access = *bundle.GetReflection();
    const google::protobuf::FieldDescriptor* const field = fields.field(i);
    if (field->name() == "version") {
      bundle.set_version(2);
    } else if (field->name() == "pcrs") {
      (*bundle.mutable_pcrs(3)->mutable_sha256())[7] ^= 1;
    } else {
      std::string octets =
          field->is_repeated() ? access.GetRepeatedString(bundle, field, 0) : access.GetString(bundle, field);
      octets[octets.size() / 2] = static_cast<char>(octets[octets.size() / 2] ^ 1);
      field->is_repeated() ? access.SetRepeatedString(&bundle, field, 0, octets)
                           : access.SetString(&bundle, field, octets);
    }
    dir_.Write("altered", bundle.SerializeAsString());
    EXPECT_EQ(Verify("altered"), kRefused) << field->name() << ": " << output_;
    EXPECT_THAT(output_, Not(HasSubstr("BOUND"))) << field->name();
    ++altered;
  }
  EXPECT_EQ(altered, 13);
  // Another nonce than the one that was asked with, and no nonce.
  nonce_ = std::string(64, '0');
  EXPECT_EQ(Verify("talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("another nonce"));
  nonce_ = "00";
  EXPECT_EQ(Verify("talker"), kUsage);
}

TEST_F(EnrollmentTest, S11ANonceIsTheCasAndGoodOnceAndForAnHour) {
  const auto tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  List("talker");
  // A wrong passphrase does not use the nonce up.
  std::filesystem::permissions(dir_.Write("passphrase", "wrong horse\n"), std::filesystem::perms(0600));
  ASSERT_EQ(Sign("talker"), kRefused) << output_;
  std::filesystem::permissions(dir_.Write("passphrase", "correct horse\n"), std::filesystem::perms(0600));
  const std::string nonces = test::ReadFile(ca() + "/nonces.txt");
  ASSERT_EQ(Sign("talker"), 0) << output_;
  EXPECT_EQ(Sign("talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("used already"));
  const size_t at = nonces.find('\t');
  std::filesystem::permissions(dir_.Write("ca/nonces.txt", nonces.substr(0, at) + "\t2026-01-01T00:00:00Z\n"),
                               std::filesystem::perms(0600));
  EXPECT_EQ(Sign("talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("older than an hour"));
  std::filesystem::remove(ca() + "/nonces.txt");
  EXPECT_EQ(Sign("talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("did not issue"));
}

TEST_F(EnrollmentTest, S11ASoftwareKeyNeverPasses) {
  const auto tpm = manufacturer_->Make();
  TestDaemon::Options options = TestDaemon::WithTpm(tpm->tcti());
  options.backends += " backend { name: \"file\" software {} }";
  TestDaemon daemon(options);
  Words words = NewIdentity("soft");
  words.insert(words.end(), {"--backend", "file"});
  EXPECT_EQ(Enroll(daemon, "soft", words), kRefused);
  EXPECT_THAT(output_, AllOf(HasSubstr("\"file\" of the kind software"), HasSubstr("no TPM")));

  // The owner of the machine forges the rest: with the TPM's certificate, and an attestation key of software.
  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  List("talker");
  const v1::AttestationBundle real = Bundle("talker");
  const test::ForgedTpm forger;
  test::ForgedTpm::Draft draft = forger.Good();
  draft.nonce = real.nonce();
  draft.ek_certificates.assign(real.ek_certificates().begin(), real.ek_certificates().end());
  draft.ek = *attestation::ParsePublic(real.ek_public(), "");
  dir_.Write("talker", forger.Sign(draft).SerializeAsString());
  EXPECT_EQ(Verify("talker", {"--ek-list", dir_.File("list")}), kUnbound) << output_;
  EXPECT_THAT(output_, HasSubstr("UNBOUND"));
  // The CA cannot tell either, and need not: nobody can open what it gives.
  ASSERT_EQ(Sign("talker"), 0) << output_;
  EXPECT_EQ(Finish(daemon, "talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("for the attestation key"));
  const auto real_ak = attestation::ParsePublic(real.ak_public(), "");
  ChangeAnswer("talker", [&](v1::WrappedDocument& wrapped) { wrapped.set_ak_name(attestation::NameOf(*real_ak)); });
  EXPECT_EQ(Finish(daemon, "talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("the TPM does not open this"));
  // Another object of the TPM cannot stand in for it either.
  v1::ActivateCredentialRequest request;
  request.set_name("talker");
  EXPECT_THAT(daemon.admin().ActivateCredential(request), test::StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(EnrollmentTest, S11OnlyTheTpmThatWasAttestedOpensTheCertificate) {
  const auto tpm = manufacturer_->Make();
  const auto other_tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  TestDaemon other(TestDaemon::WithTpm(other_tpm->tcti()));
  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  List("talker");
  ASSERT_EQ(Sign("talker"), 0) << output_;

  // Somebody in between has a genuine TPM of the same manufacturer.
  const std::string answer = test::ReadFile(dir_.File("talker.wrapped"));
  ASSERT_EQ(Enroll(other, "talker", NewIdentity("talker")), 0) << output_;
  EXPECT_EQ(Sign("talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("not listed for CN=talker,O=Lab"));
  dir_.Write("talker.wrapped", answer);
  EXPECT_EQ(Finish(other, "talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("of another TPM"));
  const auto other_ek = attestation::ParsePublic(Bundle("talker").ek_public(), "");
  const auto other_ak = attestation::ParsePublic(Bundle("talker").ak_public(), "");
  ChangeAnswer("talker", [&](v1::WrappedDocument& wrapped) {
    wrapped.set_ek_sha256(attestation::KeyDigest(attestation::KeyOf(*other_ek, "")->get()));
    wrapped.set_ak_name(attestation::NameOf(*other_ak));
  });
  EXPECT_EQ(Finish(other, "talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("the TPM does not open this"));

  // Or puts a certificate of a CA of theirs in its place: the machine was told which CA.
  dir_.Write("talker.wrapped", answer);
  ChangeAnswer("talker", [](v1::WrappedDocument& wrapped) { (*wrapped.mutable_ciphertext())[100] ^= 1; });
  EXPECT_EQ(Finish(daemon, "talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("altered"));
  ASSERT_EQ(Enroll(daemon, "talker", {"--subject", "/O=Lab/CN=talker"}), 0) << output_;
  const test::TestCa evil = test::TestCa::Root("identity CA");
  v1::GetKeyRequest get;
  get.set_name("talker");
  test::CertificateOptions options;
  options.subject = {{"O", "Lab"}, {"CN", "talker"}};
  dir_.Write("evil.pem", evil.Issue(TestDaemon::PublicKeyOf(daemon.admin().GetKey(get)->key()), options));
  ASSERT_EQ(Ctl({"attest", "wrap", dir_.File("talker"), "--nonce", nonce_, "--ek-roots", manufacturer_->roots(),
                 "--certificate", dir_.File("evil.pem"), "--out", dir_.File("evil.wrapped")}),
            0)
      << output_;
  EXPECT_EQ(At(daemon, {"enroll", "finish", "talker", "--certificate", dir_.File("evil.wrapped")}), kRefused);
  EXPECT_THAT(output_, HasSubstr("not good"));
  // Nothing wraps a certificate of another key.
  dir_.Write("evil.pem", evil.Issue(test::TestKey::Generate().public_key(), options));
  EXPECT_EQ(Ctl({"attest", "wrap", dir_.File("talker"), "--nonce", nonce_, "--ek-roots", manufacturer_->roots(),
                 "--certificate", dir_.File("evil.pem"), "--out", dir_.File("evil2.wrapped")}),
            kRefused);
  EXPECT_THAT(output_, HasSubstr("not for the key of the bundle"));
  // The first answer is still good.
  dir_.Write("talker.wrapped", answer);
  EXPECT_EQ(Finish(daemon, "talker"), 0) << output_;
}

TEST_F(EnrollmentTest, S11AnImportedKeyAttestsAsImported) {
  const auto tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  std::string base64 = test::TestKey::Generate().pem();
  base64 = absl::StrReplaceAll(base64, {{"-----BEGIN PRIVATE KEY-----", ""}, {"-----END PRIVATE KEY-----", ""}});
  v1::ImportKeyRequest import;
  import.set_name("talker");
  ASSERT_TRUE(absl::Base64Unescape(base64, import.mutable_private_key()));
  ASSERT_OK(daemon.admin().ImportKey(import));
  ASSERT_EQ(Enroll(daemon, "talker", {"--subject", "/O=Lab/CN=talker"}), 0) << output_;
  EXPECT_EQ(Verify("talker"), kRefused);
  EXPECT_THAT(output_, HasSubstr("imported into the TPM"));
  EXPECT_EQ(Verify("talker", {"--accept-imported"}), kUnbound) << output_;
  EXPECT_THAT(output_, HasSubstr("imported: made elsewhere"));
  EXPECT_EQ(Sign("talker"), kRefused);
}

TEST_F(EnrollmentTest, S11WhoMayAdministerTheRestMayNotAttestWithoutItsOwnPermission) {
  const auto tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  const auto policy = [](const std::string& more) {
    return "rule { name: \"r\" effect: ALLOW caller { uid: 0 } key: \"*\" operation: [KEY_CREATE, KEY_LIST, "
           "CSR_CREATE, "
           "TRUST_CHANGE, CERTIFICATE_INSTALL, STATUS" +
           more + "] }";
  };
  daemon.SetPolicy(policy(""));
  EXPECT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), kRefused);
  EXPECT_THAT(output_, HasSubstr("policy"));
  daemon.SetPolicy(policy(", ATTEST"));
  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  List("talker");
  ASSERT_EQ(Sign("talker"), 0) << output_;
  EXPECT_EQ(Finish(daemon, "talker"), kRefused);
  daemon.SetPolicy(policy(", CREDENTIAL_ACTIVATE"));
  EXPECT_EQ(Finish(daemon, "talker"), 0) << output_;
}

// Keys of other kinds than those that the manufacturer made, under passwords.
class EndorsementTest : public EnrollmentTest {
 protected:
  EndorsementTest() { setenv("CREDENTIALS_DIRECTORY", credentials_.path().c_str(), 1); }
  ~EndorsementTest() override { unsetenv("CREDENTIALS_DIRECTORY"); }

  void Give(const std::string& credential, const std::string& value) {
    chmod(credentials_.Write(credential, value).c_str(), 0400);
  }
  int Tool(const test::Swtpm& tpm, const std::string& program, Words words) {
    words.insert(words.begin(), {program, "-T", tpm.tcti()});
    return test::Run(words, &output_);
  }
  // Whole is a whole enrolment.
  void Whole(const TestDaemon& daemon, const std::string& name, const Words& more = {}) {
    Words words = NewIdentity(name);
    words.insert(words.end(), more.begin(), more.end());
    ASSERT_EQ(Enroll(daemon, name, words), 0) << output_;
    List(name);
    ASSERT_EQ(Sign(name), 0) << output_;
    ASSERT_EQ(Finish(daemon, name), 0) << output_;
  }

  const test::TempDir credentials_;
};

TEST_F(EndorsementTest, S11PasswordsAreTheServiceManagersCredentials) {
  const auto tpm = manufacturer_->Make();
  // The endorsement key is derived: that at the handle of the TCG is another one.
  ASSERT_EQ(Tool(*tpm, "tpm2_evictcontrol", {"-c", "0x81010001"}), 0) << output_;
  ASSERT_EQ(Tool(*tpm, "tpm2_changeauth", {"-c", "e", "endorsement password"}), 0) << output_;
  Give("ddskeyd.tpm2-key-auth", std::string(32, 'k'));
  {
    TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
    EXPECT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), kRefused);
    EXPECT_THAT(output_, HasSubstr("ddskeyd.tpm2-endorsement-auth"));
    EXPECT_TRUE(daemon.Status().backends(0).healthy());
  }
  Give("ddskeyd.tpm2-endorsement-auth", "endorsement password\n");
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  Whole(daemon, "talker");
  EXPECT_THAT(daemon.Log(), Not(HasSubstr("endorsement password")));
}

TEST_F(EndorsementTest, S11AnEcEndorsementKeyHasItsCertificateInAFile) {
  const auto tpm = manufacturer_->Make();
  TestDaemon daemon(TestDaemon::WithTpm(tpm->tcti()));
  // The manufacturer's part: which key the TPM has.
  v1::CreateKeyRequest create;
  create.set_name("any");
  ASSERT_OK(daemon.admin().CreateKey(create));
  v1::AttestKeyRequest request;
  request.set_name("any");
  request.set_nonce(std::string(32, 'n'));
  request.set_endorsement_key(v1::ENDORSEMENT_KEY_EC_P256);
  EXPECT_THAT(daemon.admin().AttestKey(request),
              test::StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("give a subject")));
  v1::SubjectAttribute& attribute = *request.add_subject();
  attribute.set_type("CN");
  attribute.set_value("any");
  ASSERT_OK_AND_ASSIGN(const v1::AttestKeyResponse response, daemon.admin().AttestKey(request));
  EXPECT_EQ(response.bundle().ek_certificates_size(), 0);
  const auto area = attestation::ParsePublic(response.bundle().ek_public(), "");
  const auto key = attestation::KeyOf(*area, "");
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key->get(), &der);
  const std::string info(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  const test::TestCa maker = test::TestCa::Root("another manufacturer");
  const std::string file = dir_.Write(
      "ek.pem", maker.Issue(info, test::ForgedTpm::EkOptions(test::TestKeyType::kEcP256)) + maker.certificate());
  dir_.Write("more.pem", maker.certificate());

  ASSERT_EQ(Enroll(daemon, "talker", NewIdentity("talker")), 0) << output_;
  ASSERT_EQ(Enroll(daemon, "talker", {"--subject", "/O=Lab/CN=talker", "--ek-certificate", file}), 0) << output_;
  EXPECT_EQ(Verify("talker"), kRefused) << "its manufacturer is not believed";
  EXPECT_EQ(Verify("talker", {"--ek-roots", dir_.File("more.pem")}), kUnbound) << output_;
  EXPECT_EQ(Sign("talker", {"--ek-roots", dir_.File("more.pem")}), kRefused);
  const size_t at = output_.find("would be: ");
  ASSERT_NE(at, std::string::npos) << output_;
  dir_.Write("list", output_.substr(at + 10));
  ASSERT_EQ(Sign("talker", {"--ek-roots", dir_.File("more.pem")}), 0) << output_;
  EXPECT_EQ(Finish(daemon, "talker"), 0) << output_;
  // Registers that must have a value.
  dir_.Write("pcrs", "0: 0x" + absl::BytesToHexString(response.bundle().pcrs(0).sha256()) + "\n");
  EXPECT_EQ(Verify("talker", {"--ek-roots", dir_.File("more.pem"), "--pcr-values", dir_.File("pcrs")}), kUnbound)
      << output_;
  dir_.Write("pcrs", "0 " + std::string(64, 'a') + "\n");
  EXPECT_EQ(Verify("talker", {"--ek-roots", dir_.File("more.pem"), "--pcr-values", dir_.File("pcrs")}), kRefused);
  EXPECT_THAT(output_, HasSubstr("register 0 is"));
}

}  // namespace
}  // namespace ddskey
