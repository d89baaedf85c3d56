#include "client/doctor/daemon_check.h"

#include <gtest/gtest.h>

#include "client/doctor/finding_matchers.h"
#include "proto/contract/version.h"

namespace ddskey::doctor {
namespace {

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kDay = 86'400;

v1::GetStatusResponse Healthy() {
  v1::GetStatusResponse status;
  status.set_version(std::string(kVersion));
  status.mutable_clock()->set_set(true);
  status.mutable_clock()->set_now(kNow);
  v1::BackendStatus& backend = *status.add_backends();
  backend.set_name("tpm");
  backend.set_kind("tpm2");
  backend.set_healthy(true);
  backend.set_queue_limit(64);
  status.add_revocation_list_files()->set_path("/etc/ddskeyd/crl.pem");
  return status;
}

void AddEnding(v1::GetStatusResponse& status, const std::string& kind, const std::string& key, int64_t days) {
  v1::Ending& ending = *status.add_endings();
  ending.set_kind(kind);
  ending.set_key_name(key);
  ending.set_subject("CN=" + key);
  ending.set_end(kNow + days * kDay);
  ending.set_days_left(days);
}

Findings Of(const v1::GetStatusResponse& status) {
  Findings findings;
  CheckStatus(status, findings);
  return findings;
}

TEST(DaemonCheckTest, FindsNothingWrongWithAHealthyDaemon) {
  v1::GetStatusResponse status = Healthy();
  AddEnding(status, "certificate", "talker", 100);
  AddEnding(status, "revocation list", "talker", 5);
  EXPECT_THAT(Of(status), AllAreOk());
}

TEST(DaemonCheckTest, WarnsOfADaemonOfAnotherVersion) {
  v1::GetStatusResponse status = Healthy();
  status.set_version("0.0.9");
  EXPECT_THAT(Of(status), Has(Level::kWarning, "daemon.version", "systemctl restart ddskeyd"));
}

TEST(DaemonCheckTest, FindsAClockThatIsNotSet) {
  v1::GetStatusResponse status = Healthy();
  status.mutable_clock()->set_set(false);
  EXPECT_THAT(Of(status), Has(Level::kProblem, "clock.set", "ddskeyctl clock reset"));
}

TEST(DaemonCheckTest, FindsAPolicyThatWasNotTaken) {
  v1::GetStatusResponse status = Healthy();
  status.set_policy_error("policy.textproto:1:1: no");
  EXPECT_THAT(Of(status), Has(Level::kProblem, "policy.reload", "ddskeyd --check"));
}

TEST(DaemonCheckTest, FindsBackendsThatAreNotHealthyOrLocked) {
  v1::GetStatusResponse status = Healthy();
  status.mutable_backends(0)->set_healthy(false);
  status.mutable_backends(0)->set_problem("the TPM is away");
  EXPECT_THAT(Of(status), Has(Level::kProblem, "backend.healthy", "journalctl"));
  status.mutable_backends(0)->add_waits_for("owner");
  EXPECT_THAT(Of(status), Has(Level::kProblem, "backend.locked", "ddskeyctl backend unlock tpm --for owner"));
}

TEST(DaemonCheckTest, WarnsOfATpmThatIsLockedAgainstGuessingAndOfAFullQueue) {
  v1::GetStatusResponse status = Healthy();
  status.mutable_backends(0)->set_warning("it is in lockout");
  status.mutable_backends(0)->set_queue_length(64);
  EXPECT_THAT(Of(status), Has(Level::kWarning, "backend.warning"));
  EXPECT_THAT(Of(status), Has(Level::kWarning, "backend.queue"));
}

TEST(DaemonCheckTest, TellsWhatHasEndedFromWhatEndsSoon) {
  v1::GetStatusResponse status = Healthy();
  AddEnding(status, "certificate", "old", -3);
  EXPECT_THAT(Of(status), Has(Level::kProblem, "certificate.dates", "ddskeyctl identity renew old --out old.csr"));
  AddEnding(status, "certificate", "soon", 20);
  EXPECT_THAT(Of(status), Has(Level::kWarning, "certificate.dates", "ddskeyctl identity renew soon"));
  AddEnding(status, "identity CA", "talker", 10);
  EXPECT_THAT(Of(status), Has(Level::kWarning, "certificate.dates", "ddskeyctl trust add talker"));
  AddEnding(status, "revocation list", "talker", -1);
  EXPECT_THAT(Of(status), Has(Level::kProblem, "revocation.dates", "ddskeyctl crl install talker"));
  AddEnding(status, "revocation list", "", 1);
  EXPECT_THAT(Of(status), Has(Level::kWarning, "revocation.dates", "replace the file"));
}

TEST(DaemonCheckTest, FindsListsAndResponsesThatAreNotUsed) {
  v1::GetStatusResponse status = Healthy();
  status.mutable_revocation_list_files(0)->set_problem("it is no list");
  status.add_outdated_ocsp_responses()->set_key_name("talker");
  EXPECT_THAT(Of(status), Has(Level::kProblem, "revocation.file", "/etc/ddskeyd/crl.pem"));
  EXPECT_THAT(Of(status), Has(Level::kWarning, "ocsp.dates", "ddskeyctl ocsp install talker"));
}

TEST(DaemonCheckTest, FindsKeysThatDoNotSign) {
  v1::GetStatusResponse status = Healthy();
  status.add_key_problems()->set_key_name("talker");
  status.set_unusable_keys(2);
  EXPECT_THAT(Of(status), Has(Level::kProblem, "key.problem", "ddskeyctl key show talker"));
  EXPECT_THAT(Of(status), Has(Level::kProblem, "key.unusable", "ddskeyctl key list"));
}

v1::Key KeyNamed(const std::string& name) {
  v1::Key key;
  key.set_name(name);
  key.set_state("active");
  key.mutable_certificate()->set_subject("CN=" + name);
  return key;
}

TEST(DaemonCheckTest, HasTheDaemonProveEachKey) {
  const auto prove = [](const std::string& name) -> absl::StatusOr<v1::CheckIdentityResponse> {
    v1::CheckIdentityResponse response;
    v1::KeyCheck& check = *response.add_checks();
    check.set_good(name == "talker");
    if (check.good()) return response;
    check.set_problem("the certificate is for another key");
    check.set_fix("ddskeyctl cert install listener");
    return response;
  };
  Findings findings;
  CheckKeys(prove, "", {KeyNamed("talker"), KeyNamed("listener")}, findings);
  EXPECT_THAT(findings, Has(Level::kOk, "key.check"));
  EXPECT_THAT(findings, Has(Level::kProblem, "key.check", "ddskeyctl cert install listener"));
  Findings of_one;
  CheckKeys(prove, "talker", {KeyNamed("talker"), KeyNamed("listener")}, of_one);
  EXPECT_THAT(of_one, AllAreOk());
}

TEST(DaemonCheckTest, SaysWhichKeysCannotBeUsedYet) {
  const auto prove = [](const std::string&) -> absl::StatusOr<v1::CheckIdentityResponse> {
    return absl::UnavailableError("the device is away");
  };
  Findings none;
  CheckKeys(prove, "", {}, none);
  EXPECT_THAT(none, Has(Level::kWarning, "key.none", "ddskeyctl setup"));
  v1::Key disabled = KeyNamed("disabled");
  disabled.set_state("disabled");
  v1::Key bare = KeyNamed("bare");
  bare.clear_certificate();
  Findings findings;
  CheckKeys(prove, "", {disabled, bare}, findings);
  EXPECT_THAT(findings, Has(Level::kWarning, "key.state", "ddskeyctl identity enable disabled"));
  EXPECT_THAT(findings, Has(Level::kWarning, "key.certificate", "ddskeyctl cert install bare"));
  EXPECT_THAT(findings, Has(Level::kProblem, "key.check", "ddskeyctl store check"));
  Findings other;
  CheckKeys(prove, "absent", {bare}, other);
  EXPECT_THAT(other, Has(Level::kProblem, "key.missing", "ddskeyctl identity list"));
}

}  // namespace
}  // namespace ddskey::doctor
