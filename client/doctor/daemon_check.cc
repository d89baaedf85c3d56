#include "client/doctor/daemon_check.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "proto/contract/version.h"

namespace ddskey::doctor {
namespace {

// What ends within so many days is warned of.
constexpr int64_t kSoon = 30;
// Revocation lists are made often.
constexpr int64_t kSoonForLists = 2;

void CheckVersion(const v1::GetStatusResponse& status, Findings& findings) {
  if (status.version() == std::string(kVersion)) {
    findings.Ok("daemon.version", absl::StrCat("ddskeyd ", status.version(), " answers"));
    return;
  }
  findings.Warn(
      "daemon.version",
      absl::StrCat("ddskeyd ", status.version(), " runs, but ddskeyctl is of version ", std::string(kVersion)),
      "systemctl restart ddskeyd");
}

void CheckClock(const v1::ClockStatus& clock, Findings& findings) {
  if (clock.set()) {
    findings.Ok("clock.set",
                clock.last_good() == 0
                    ? std::string("the daemon knows of no last good time yet")
                    : absl::StrCat("the clock is not before the last good time, ",
                                   absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(clock.last_good()),
                                                    absl::UTCTimeZone()),
                                   " UTC"));
    return;
  }
  findings.Problem("clock.set",
                   absl::StrCat("the clock is before the last good time or the release of the daemon, which ",
                                clock.unset() == "warn" ? "validates certificates as of that time"
                                                        : "validates no certificate until it is set"),
                   "timedatectl set-ntp true (if the clock is right already: ddskeyctl clock reset)");
}

void CheckBackend(const v1::BackendStatus& backend, Findings& findings) {
  const std::string name = absl::StrCat("the backend ", backend.name(), " (", backend.kind(), ")");
  if (!backend.waits_for().empty()) {
    findings.Problem("backend.locked",
                     absl::StrCat(name, " waits for authorisation values: ", absl::StrJoin(backend.waits_for(), ", ")),
                     absl::StrCat("ddskeyctl backend unlock ", backend.name(), " --for ", backend.waits_for(0)));
  } else if (!backend.healthy()) {
    findings.Problem("backend.healthy", absl::StrCat(name, " is not healthy: ", backend.problem()),
                     "journalctl -u ddskeyd");
  } else {
    findings.Ok("backend.healthy", absl::StrCat(name, " is healthy"));
  }
  if (!backend.warning().empty()) {
    findings.Warn("backend.warning", absl::StrCat(name, ": ", backend.warning()), "ddskeyctl status");
  }
  if (backend.queue_limit() > 0 && backend.queue_length() >= backend.queue_limit()) {
    findings.Warn("backend.queue", absl::StrCat(name, " has as much work waiting as may wait"), "ddskeyctl status");
  }
}

// What the daemon names to no more than those who may do KEY_LIST is looked up by one who may.
constexpr char kAskAsRoot[] = "ddskeyctl status, as root";

std::string FixOf(const v1::Ending& ending) {
  if (ending.key_name().empty() && ending.subject().empty()) return kAskAsRoot;
  if (ending.kind() == "certificate") {
    return absl::StrCat("ddskeyctl identity renew ", ending.key_name(), " --out ", ending.key_name(), ".csr");
  }
  if (ending.kind() == "identity CA") return absl::StrCat("ddskeyctl trust add ", ending.key_name(), " --ca FILE");
  if (ending.key_name().empty()) return "replace the file of revocation lists that `ddskeyctl status` names";
  return absl::StrCat("ddskeyctl crl install ", ending.key_name(), " --crl FILE");
}

// "2 days ago", "in 5 days".
std::string When(int64_t days) {
  if (days < 0) return absl::StrCat(-days, days == -1 ? " day ago" : " days ago");
  if (days == 0) return "within a day";
  return absl::StrCat("in ", days, days == 1 ? " day" : " days");
}

void CheckEndings(const v1::GetStatusResponse& status, Findings& findings) {
  int fine = 0;
  for (const v1::Ending& ending : status.endings()) {
    const bool is_list = ending.kind() == "revocation list";
    const std::string check = is_list ? "revocation.dates" : "certificate.dates";
    const std::string what =
        absl::StrCat("the ", ending.kind(), " of ", ending.subject().empty() ? "a key" : ending.subject(),
                     ending.key_name().empty() ? "" : absl::StrCat(" (key ", ending.key_name(), ")"));
    if (ending.end() <= status.clock().now()) {
      findings.Problem(check,
                       absl::StrCat(what, is_list ? " was due for its next update " : " has expired ",
                                    When(std::min<int64_t>(ending.days_left(), -1))),
                       FixOf(ending));
    } else if (ending.days_left() < (is_list ? kSoonForLists : kSoon)) {
      findings.Warn(check, absl::StrCat(what, " ends ", When(ending.days_left())), FixOf(ending));
    } else {
      ++fine;
    }
  }
  if (fine > 0) {
    findings.Ok("certificate.dates", absl::StrCat("certificates and lists that end neither soon nor already: ", fine));
  }
}

void CheckKeyProblems(const v1::GetStatusResponse& status, Findings& findings) {
  for (const v1::KeyProblem& key : status.key_problems()) {
    if (key.key_name().empty()) {
      findings.Problem("key.problem", "a key does not sign", kAskAsRoot);
      continue;
    }
    findings.Problem(
        "key.problem",
        absl::StrCat("the key ", key.key_name(), " (generation ", key.generation(), ") does not sign: ", key.problem()),
        absl::StrCat("ddskeyctl key show ", key.key_name()));
  }
  if (status.unusable_keys() > 0) {
    findings.Problem("key.unusable", absl::StrCat(status.unusable_keys(), " keys are held by no configured backend"),
                     "ddskeyctl key list");
  }
}

void CheckRevocation(const v1::GetStatusResponse& status, Findings& findings) {
  for (const v1::RevocationListFileStatus& file : status.revocation_list_files()) {
    if (file.problem().empty()) {
      findings.Ok("revocation.file", absl::StrCat(file.path(), " is in force"));
    } else {
      findings.Problem("revocation.file", absl::StrCat(file.path(), " is not used: ", file.problem()),
                       absl::StrCat("replace ", file.path(), " by renaming a good file to its name"));
    }
  }
  for (const v1::OutdatedOcspResponse& outdated : status.outdated_ocsp_responses()) {
    const std::string& key = outdated.key_name();
    findings.Warn("ocsp.dates",
                  absl::StrCat("the OCSP response of ", key.empty() ? "a key" : absl::StrCat("the key ", key),
                               " is not shown to peers any more"),
                  key.empty() ? kAskAsRoot : absl::StrCat("ddskeyctl ocsp install ", key, " --response FILE"));
  }
}

void CheckIdentity(const ProveKeys& prove, const std::string& name, Findings& findings) {
  const absl::StatusOr<v1::CheckIdentityResponse> checked = prove(name);
  if (!checked.ok()) {
    findings.Problem("key.check", absl::StrCat("the key ", name, " was not checked: ", checked.status().message()),
                     "ddskeyctl store check");
    return;
  }
  for (const v1::KeyCheck& check : checked->checks()) {
    const std::string key = absl::StrCat("the key ", name, ", generation ", check.number());
    const std::string fix = check.fix().empty() ? absl::StrCat("ddskeyctl identity show ", name) : check.fix();
    if (!check.good()) {
      findings.Problem("key.check", absl::StrCat(key, ": ", check.problem()), fix);
    } else if (!check.problem().empty()) {
      findings.Warn("key.check", absl::StrCat(key, ": ", check.problem()), fix);
    } else {
      findings.Ok("key.check", absl::StrCat(key, " works and fits its certificate"));
    }
  }
}

}  // namespace

void CheckStatus(const v1::GetStatusResponse& status, Findings& findings) {
  CheckVersion(status, findings);
  if (status.has_clock()) CheckClock(status.clock(), findings);
  if (!status.policy_error().empty()) {
    findings.Problem("policy.reload",
                     absl::StrCat("the last reload of the policy was not taken: ", status.policy_error()),
                     "ddskeyd --check, and then: systemctl reload ddskeyd");
  }
  for (const v1::BackendStatus& backend : status.backends()) CheckBackend(backend, findings);
  CheckKeyProblems(status, findings);
  CheckRevocation(status, findings);
  CheckEndings(status, findings);
}

void CheckKeys(const ProveKeys& prove, const std::string& identity, const std::vector<v1::Key>& keys,
               Findings& findings) {
  if (keys.empty()) {
    findings.Warn("key.none", "there are no keys", "ddskeyctl setup");
    return;
  }
  bool found = identity.empty();
  for (const v1::Key& key : keys) {
    if (!identity.empty() && key.name() != identity) continue;
    found = true;
    if (key.state() != "active") {
      findings.Warn("key.state", absl::StrCat("the identity ", key.name(), " is ", key.state()),
                    absl::StrCat("ddskeyctl identity enable ", key.name()));
      continue;
    }
    if (!key.has_certificate()) {
      findings.Warn("key.certificate", absl::StrCat("the key ", key.name(), " has no certificate"),
                    absl::StrCat("ddskeyctl cert install ", key.name(), " --certificate FILE --ca FILE"));
    }
    CheckIdentity(prove, key.name(), findings);
  }
  if (!found) {
    findings.Problem("key.missing", absl::StrCat("there is no identity ", identity), "ddskeyctl identity list");
  }
}

}  // namespace ddskey::doctor
