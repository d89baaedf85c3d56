#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/fake_admin_client.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::ReadFile;
using ::ddskey::test::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const char kCertificate[] = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----";

const char kList[] = "-----BEGIN X509 CRL-----\nMII=\n-----END X509 CRL-----";

v1::Key Talker() {
  v1::Key key;
  key.set_name("talker");
  key.set_algorithm("ec-p256");
  key.set_purpose("handshake");
  key.set_backend("tpm");
  key.set_state("active");
  key.set_generation(1);
  key.set_created(1'790'000'000);
  key.set_public_key_sha256("abcd");
  return key;
}

v1::Key Certified() {
  v1::Key key = Talker();
  key.mutable_certificate()->set_subject("CN=talker,O=Robots");
  key.mutable_certificate()->set_issuer("CN=ca\x1b[2J");
  key.mutable_certificate()->set_not_after(1'800'000'000 + 30 * 86'400);
  key.mutable_certificate()->add_anchors("CN=ca");
  return key;
}

TEST(KeyCreateTest, AsksForAHandshakeKeyUnlessTold) {
  Script script;
  script.key = Talker();
  const Outcome outcome = RunWith(script, {"key", "create", "talker"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(script.create.name(), "talker");
  EXPECT_EQ(script.create.algorithm(), "ec-p256");
  EXPECT_EQ(script.create.purpose(), "handshake");
  EXPECT_EQ(script.create.backend(), "");
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("tpm"), HasSubstr("ddskeyctl csr talker")));

  EXPECT_EQ(RunWith(script, {"key", "create", "t", "--algorithm=rsa-2048", "--backend=b", "--purpose=digest"}).code, 0);
  EXPECT_EQ(script.create.algorithm(), "rsa-2048");
  EXPECT_EQ(script.create.purpose(), "digest");
  EXPECT_EQ(script.create.backend(), "b");
}

TEST(KeyListTest, PrintsATable) {
  Script script;
  script.keys = {Certified(), Talker()};
  const Outcome outcome = RunWith(script, {"key", "list"});
  EXPECT_EQ(
      outcome.out,
      "NAME    ALGORITHM  PURPOSE    BACKEND  STATE   SUBJECT             CERTIFICATE VALID UNTIL\n"
      "talker  ec-p256    handshake  tpm      active  CN=talker,O=Robots  2027-02-14 08:00:00 UTC (30 days left)\n"
      "talker  ec-p256    handshake  tpm      active  -                   no certificate\n");
  EXPECT_FALSE(script.list.include_deleted());
  RunWith(script, {"key", "list", "--all"});
  EXPECT_TRUE(script.list.include_deleted());
}

TEST(KeyListTest, S12SaysWhichKeysAreNotInCustodyAlone) {
  Script script;
  script.keys = {Talker(), Talker()};
  script.keys[0].set_imported(true);
  script.keys[1].set_left_custody(true);
  EXPECT_THAT(RunWith(script, {"key", "list"}).out,
              AllOf(HasSubstr("  active, imported      -"), HasSubstr("  active, left custody  -")));
}

TEST(KeyListTest, SaysHowToMakeTheFirst) {
  Script script;
  EXPECT_THAT(RunWith(script, {"key", "list"}).out, HasSubstr("ddskeyctl key create"));
  EXPECT_EQ(RunWith(script, {"key", "list", "--json"}).out, "{\n \"keys\": []\n}\n");
}

TEST(KeyListTest, SaysWhichKeysNoBackendHolds) {
  Script script;
  script.keys = {Talker()};
  script.keys[0].set_backend_problem("the backend that holds the key is not configured any more");
  EXPECT_THAT(RunWith(script, {"key", "list"}).out, HasSubstr("tpm (not the holder)"));
  script.key = script.keys[0];
  EXPECT_THAT(RunWith(script, {"key", "show", "talker"}).out, HasSubstr("Unusable:   the backend that holds"));
}

TEST(KeyShowTest, ShowsTheCertificateEscaped) {
  Script script;
  script.key = Certified();
  const Outcome outcome = RunWith(script, {"key", "show", "talker"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("30 days left"), HasSubstr("CN=ca\\x1b[2J"), Not(HasSubstr("\x1b"))));
  script.key = Talker();
  EXPECT_THAT(RunWith(script, {"key", "show", "talker"}).out, HasSubstr("Certificate:  none"));
}

TEST(JsonTest, HoldsAllFieldsByTheirNamesInTheProto) {
  Script script;
  script.key = Certified();
  const Outcome outcome = RunWith(script, {"key", "show", "talker", "--json"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("\"public_key_sha256\": \"abcd\""), HasSubstr("\"generation\": 1"),
                                 HasSubstr("\"created\": \"1790000000\""), HasSubstr("\\u001b")));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST(KeyDeleteTest, DeletesOnlyWhatWasConfirmed) {
  Script script;
  EXPECT_EQ(RunWith(script, {"key", "delete", "a"}).code, 2);  // Nobody to ask.
  EXPECT_EQ(script.calls, 0);
  for (const std::string answer : {"", "\n", "n\n", "yes please\n", "Y es\n"}) {
    const Outcome refused = RunWith(script, {"key", "delete", "a"}, answer);
    EXPECT_EQ(refused.code, 1) << answer;
    EXPECT_THAT(refused.err, HasSubstr("nothing was deleted"));
  }
  EXPECT_EQ(script.calls, 0);
  EXPECT_EQ(RunWith(script, {"key", "delete", "a"}, "y\n").code, 0);
  EXPECT_EQ(RunWith(script, {"key", "delete", "a", "--yes"}).code, 0);
  EXPECT_EQ(script.calls, 2);
  EXPECT_EQ(script.remove.name(), "a");
  EXPECT_FALSE(script.remove.purge());
}

TEST(KeyDeleteTest, PurgesOnlyWhenTold) {
  Script script;
  EXPECT_THAT(RunWith(script, {"key", "delete", "a", "--purge"}, "n\n").err, HasSubstr("for good?"));
  EXPECT_EQ(RunWith(script, {"key", "delete", "a", "--purge", "--yes"}).code, 0);
  EXPECT_TRUE(script.remove.purge());
}

TEST(CsrTest, PrintsTheRequestAlone) {
  Script script;
  const Outcome outcome = RunWith(script, {"csr", "talker", "--subject", "CN=talker,O=Robots"});
  EXPECT_EQ(outcome.out, script.csr_pem);
  EXPECT_EQ(script.csr.key_name(), "talker");
  ASSERT_EQ(script.csr.subject_size(), 2);
  EXPECT_EQ(script.csr.subject(0).type(), "O");
  EXPECT_EQ(script.csr.subject(1).value(), "talker");
  EXPECT_EQ(script.csr.key_usage_size(), 0);
}

TEST(CsrTest, WritesANewFile) {
  const TempDir folder;
  const std::string path = folder.File("talker.csr");
  Script script;
  const std::vector<std::string> words = {"csr", "talker",      "--subject",        "/CN=talker",  "--out",
                                          path,  "--key-usage", "digitalSignature", "--key-usage", "keyAgreement"};
  EXPECT_EQ(RunWith(script, words).code, 0);
  EXPECT_EQ(ReadFile(path), script.csr_pem);
  EXPECT_EQ(script.csr.key_usage_size(), 2);
  EXPECT_EQ(RunWith(script, words).code, 1);  // It is there already.
}

TEST(CertInstallTest, SendsWhatTheFilesHold) {
  const TempDir folder;
  Script script;
  script.key = Certified();
  const std::string leaf = folder.Write("leaf.pem", kCertificate);
  const std::string ca = folder.Write("ca.pem", std::string("# one\n") + kCertificate);
  const Outcome outcome =
      RunWith(script, {"cert", "install", "talker", "--certificate", leaf, "--ca", ca, "--ca", leaf});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(script.install.key_name(), "talker");
  EXPECT_EQ(script.install.certificate_chain(), kCertificate);
  EXPECT_EQ(script.install.anchors(), std::string("# one\n") + kCertificate + "\n" + kCertificate + "\n");
  EXPECT_THAT(outcome.out, HasSubstr("CN=talker,O=Robots"));
}

TEST(CertInstallTest, SendsNothingIfAFileIsWrong) {
  const TempDir folder;
  Script script;
  const std::string leaf = folder.Write("leaf.pem", kCertificate);
  const std::string key = folder.Write("key.pem", "-----BEGIN PRIVATE KEY-----\n");
  EXPECT_EQ(RunWith(script, {"cert", "install", "talker", "--certificate", key}).code, 1);
  EXPECT_EQ(RunWith(script, {"cert", "install", "talker", "--certificate", leaf, "--ca", key}).code, 1);
  EXPECT_EQ(RunWith(script, {"cert", "install", "talker", "--certificate", folder.File("none")}).code, 1);
  const std::string big = folder.Write("big.pem", kCertificate + std::string(40000, '\n'));
  EXPECT_EQ(RunWith(script, {"cert", "install", "talker", "--certificate", leaf, "--ca", big, "--ca", big}).code, 1);
  EXPECT_EQ(script.calls, 0);
}

TEST(CertShowTest, ShowsASummaryOrTheCertificate) {
  Script script;
  *script.certificate.mutable_certificate() = Certified().certificate();
  script.certificate.set_chain_pem(kCertificate);
  EXPECT_THAT(RunWith(script, {"cert", "show", "talker"}).out, HasSubstr("Subject:      CN=talker,O=Robots\n"));
  EXPECT_EQ(RunWith(script, {"cert", "show", "talker", "--pem"}).out, kCertificate);
}

TEST(TrustTest, SendsWhatItWasTold) {
  const TempDir folder;
  folder.Write("ca.pem", kCertificate);
  folder.Write("list.pem", kList);
  Script script;
  EXPECT_EQ(RunWith(script, {"trust", "add", "talker", "--ca", folder.File("ca.pem")}).code, 0);
  EXPECT_EQ(script.add_anchors.key_name(), "talker");
  EXPECT_EQ(script.add_anchors.anchors(), std::string(kCertificate) + "\n");
  EXPECT_EQ(RunWith(script, {"trust", "remove", "talker", "--sha256", "12345678"}).code, 0);
  EXPECT_EQ(script.remove_anchor.sha256(), "12345678");
  EXPECT_EQ(RunWith(script, {"crl", "install", "talker", "--crl", folder.File("list.pem")}).code, 0);
  EXPECT_EQ(script.install_lists.revocation_lists(), std::string(kList) + "\n");
  EXPECT_EQ(RunWith(script, {"crl", "remove", "talker", "--sha256", "87654321"}).code, 0);
  EXPECT_EQ(script.remove_list.key_name(), "talker");
  EXPECT_EQ(script.remove_list.sha256(), "87654321");
  script.calls = 0;
  EXPECT_NE(RunWith(script, {"crl", "remove", "talker"}).code, 0);
  EXPECT_NE(RunWith(script, {"crl", "install", "talker", "--crl", folder.File("ca.pem")}).code, 0);
  EXPECT_NE(RunWith(script, {"trust", "add", "talker"}).code, 0);
  EXPECT_EQ(script.calls, 0);
}

TEST(TrustTest, ShowsCasAndLists) {
  Script script;
  EXPECT_THAT(RunWith(script, {"trust", "list", "talker"}).out, HasSubstr("No identity CA"));
  v1::Certificate& anchor = *script.trust.add_anchors();
  anchor.set_subject("CN=ca\x1b[2J");
  anchor.set_sha256("0123456789abcdef0123");
  EXPECT_THAT(RunWith(script, {"trust", "list", "talker"}).out,
              AllOf(HasSubstr("CN=ca\\x1b[2J"), HasSubstr("0123456789abcdef "), HasSubstr("No revocation list")));
  v1::RevocationList& list = *script.trust.add_revocation_lists();
  list.set_issuer("CN=ca");
  list.set_number("1f");
  list.set_revoked(7);
  list.set_next_update(1'800'000'000 + 2 * 86'400);
  EXPECT_THAT(RunWith(script, {"crl", "list", "talker"}).out,
              AllOf(HasSubstr("0x1f"), HasSubstr("7"), HasSubstr("2 days left")));
  EXPECT_THAT(RunWith(script, {"--json", "crl", "list", "talker"}).out, HasSubstr("\"number\": \"1f\""));
}

TEST(OcspTest, SendsTheResponseAndShowsUntilWhenPeersSeeIt) {
  const test::TempDir folder;
  folder.Write("response.der", "\x30\x03\x0a\x01\x06");
  folder.Write("response.pem", "-----BEGIN OCSP RESPONSE-----\n");
  Script script;
  script.trust.add_anchors()->set_subject("CN=ca");
  script.trust.mutable_ocsp_response()->set_next_update(1'800'000'000 + 2 * 86'400);
  EXPECT_THAT(RunWith(script, {"ocsp", "install", "talker", "--response", folder.File("response.der")}).out,
              AllOf(HasSubstr("OCSP response"), HasSubstr("2 days left")));
  EXPECT_EQ(script.install_ocsp.key_name(), "talker");
  EXPECT_EQ(script.install_ocsp.ocsp_response(), "\x30\x03\x0a\x01\x06");
  EXPECT_EQ(RunWith(script, {"ocsp", "install", "talker", "--response", "none"}).code, 0);
  EXPECT_EQ(script.install_ocsp.ocsp_response(), "");
  script.calls = 0;
  EXPECT_NE(RunWith(script, {"ocsp", "install", "talker", "--response", folder.File("response.pem")}).code, 0);
  EXPECT_NE(RunWith(script, {"ocsp", "install", "talker"}).code, 0);
  EXPECT_EQ(script.calls, 0);
}

TEST(TrustTest, SetsOnlyWhatWasNamed) {
  const test::TempDir folder;
  folder.Write("permissions.p7s", "MIME-Version: 1.0\n");
  Script script;
  EXPECT_EQ(RunWith(script, {"trust", "set", "talker", "--key-usage", "require"}).code, 0);
  EXPECT_EQ(script.set_options.key_usage(), v1::STRICTNESS_REQUIRE);
  EXPECT_EQ(script.set_options.missing_revocation_list(), v1::STRICTNESS_UNSPECIFIED);
  EXPECT_FALSE(script.set_options.has_permissions());
  EXPECT_FALSE(script.set_options.has_keep_pem_text());
  EXPECT_EQ(RunWith(script, {"trust", "set", "talker", "--permissions", folder.File("permissions.p7s"), "--pem-text",
                             "keep", "--missing-crl", "warn", "--outdated-crl", "ignore"})
                .code,
            0);
  EXPECT_EQ(script.set_options.permissions(), "MIME-Version: 1.0\n");
  EXPECT_TRUE(script.set_options.keep_pem_text());
  EXPECT_EQ(script.set_options.outdated_revocation_list(), v1::STRICTNESS_IGNORE);
  EXPECT_EQ(RunWith(script, {"trust", "set", "talker", "--permissions", "any"}).code, 0);
  EXPECT_TRUE(script.set_options.has_permissions());
  EXPECT_EQ(script.set_options.permissions(), "");
  script.calls = 0;
  EXPECT_NE(RunWith(script, {"trust", "set", "talker", "--key-usage", "strict"}).code, 0);
  EXPECT_NE(RunWith(script, {"trust", "set", "talker", "--pem-text", "yes"}).code, 0);
  EXPECT_EQ(script.calls, 0);
}

TEST(StatusTest, ShowsTheClockFilesOfListsAndWhatEnds) {
  Script script;
  script.daemon.mutable_clock()->set_set(true);
  script.daemon.mutable_clock()->set_now(1'800'000'000);
  v1::RevocationListFileStatus& file = *script.daemon.add_revocation_list_files();
  file.set_path("/etc/ca.crl");
  file.add_keys("robot-*");
  v1::RevocationList& list = *file.add_lists();
  list.set_issuer("CN=ca\x1b[2J");
  list.set_number("1f");
  list.set_revoked(3);
  list.set_next_update(1'800'000'000 + 2 * 86'400);
  v1::Ending& ending = *script.daemon.add_endings();
  ending.set_key_name("talker");
  ending.set_kind("certificate");
  ending.set_subject("CN=talker");
  ending.set_end(1'800'000'000 + 6 * 86'400);
  ending.set_days_left(6);
  const Outcome good = RunWith(script, {"status"});
  EXPECT_EQ(good.code, 0);
  EXPECT_THAT(good.out, AllOf(HasSubstr("set, says 2027-01-15 08:00:00 UTC; last good time not known yet"),
                              HasSubstr("/etc/ca.crl (keys robot-*): in force"), HasSubstr("number 0x1f, 3 revoked"),
                              HasSubstr("CN=ca\\x1b[2J"), HasSubstr("CN=talker"), HasSubstr("6 days left")));
  EXPECT_THAT(RunWith(script, {"status", "--json"}).out, HasSubstr("\"days_left\": \"6\""));
  file.set_problem("it is older");
  EXPECT_EQ(RunWith(script, {"status"}).code, 1);
  EXPECT_THAT(RunWith(script, {"status"}).err, HasSubstr("/etc/ca.crl is not used: it is older"));
  file.clear_problem();
  script.daemon.mutable_clock()->set_set(false);
  EXPECT_EQ(RunWith(script, {"status"}).code, 1);
  EXPECT_THAT(RunWith(script, {"status"}).out, HasSubstr("NOT SET"));
}

TEST(ClockResetTest, SaysWhatTheLastGoodTimeIsNow) {
  Script script;
  script.daemon.mutable_clock()->set_last_good(1'800'000'000);
  EXPECT_THAT(RunWith(script, {"clock", "reset"}).out, HasSubstr("2027-01-15 08:00:00 UTC"));
  script.status = absl::FailedPreconditionError("set it first");
  EXPECT_EQ(RunWith(script, {"clock", "reset"}).code, 1);
}

TEST(StatusTest, FailsWhenSomethingNeedsAttention) {
  Script script;
  script.daemon.set_version("0.1.0");
  v1::BackendStatus& backend = *script.daemon.add_backends();
  backend.set_name("tpm");
  backend.set_healthy(true);
  backend.set_signatures(42);
  const Outcome healthy = RunWith(script, {"status"});
  EXPECT_EQ(healthy.code, 0);
  EXPECT_THAT(healthy.out, AllOf(HasSubstr("ddskeyd 0.1.0"), HasSubstr("42 signatures"), HasSubstr("healthy")));

  backend.set_warning("the TPM is locked");
  const Outcome warned = RunWith(script, {"status"});
  EXPECT_EQ(warned.code, 0);
  EXPECT_THAT(warned.out, HasSubstr("Warning:     the TPM is locked"));
  script.daemon.set_keys(3);
  script.daemon.set_unusable_keys(2);
  const Outcome lost = RunWith(script, {"status"});
  EXPECT_EQ(lost.code, 1);
  EXPECT_THAT(lost.out, HasSubstr("3 active, 2 of them unusable"));
  script.daemon.set_unusable_keys(0);
  script.daemon.set_policy_error("policy:3:1: unknown field");
  EXPECT_EQ(RunWith(script, {"status"}).code, 1);
  script.daemon.clear_policy_error();
  backend.set_healthy(false);
  backend.set_problem("the TPM is away");
  const Outcome ill = RunWith(script, {"status", "--json"});
  EXPECT_EQ(ill.code, 1);
  EXPECT_THAT(ill.out, HasSubstr("\"healthy\": false"));
  EXPECT_THAT(ill.err, HasSubstr("the TPM is away"));
}

}  // namespace
}  // namespace ddskey::cli
