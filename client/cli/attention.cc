#include "client/cli/attention.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace ddskey::cli {
namespace {

// From so many days before its end on, something is told.
constexpr int64_t kSoonDays = 30;
// Revocation lists are made often, so few days are enough to see that there is no next one.
constexpr int64_t kSoonDaysOfLists = 2;
constexpr char kNotTold[] = "of a key (which is told to who may do KEY_LIST)";

class Finder {
 public:
  void Fail(std::string what, std::string fix = "") { found_.push_back({true, std::move(what), std::move(fix)}); }
  void Warn(std::string what, std::string fix = "") { found_.push_back({false, std::move(what), std::move(fix)}); }

  std::vector<Attention> Take() {
    std::stable_partition(found_.begin(), found_.end(), [](const Attention& one) { return one.is_failure; });
    return std::move(found_);
  }

 private:
  std::vector<Attention> found_;
};

void LookAtBackend(const v1::BackendStatus& backend, Finder& finder) {
  if (!backend.healthy()) {
    finder.Fail(absl::StrCat("the backend ", backend.name(), " is not healthy: ", backend.problem()),
                backend.waits_for().empty() ? "" : "ddskeyctl backend unlock " + ShellWord(backend.name()));
  }
  if (!backend.warning().empty()) {
    finder.Warn(absl::StrCat("the backend ", backend.name(), " warns: ", backend.warning()));
  }
  if (backend.queue_limit() > 0 && backend.queue_length() >= backend.queue_limit()) {
    finder.Warn(absl::StrCat("the queue of the backend ", backend.name(), " is full: handshakes are refused"),
                "see which users' work waits in the log, and lower their limits; or use a faster device");
  }
}

// IsNamed is false if the daemon does not tell us whose it is.
bool IsNamed(const v1::Ending& ending) { return !ending.key_name().empty() || !ending.subject().empty(); }

std::string FixOf(const v1::Ending& ending) {
  if (!IsNamed(ending)) return "";
  const std::string key = ShellWord(ending.key_name());
  if (ending.kind() == "certificate") return absl::StrCat("ddskeyctl identity renew ", key);
  if (ending.kind() == "identity CA") return absl::StrCat("ddskeyctl trust add ", key, " --ca FILE");
  if (ending.key_name().empty()) return "put the CA's next list in the file";
  return absl::StrCat("ddskeyctl crl install ", key, " --crl FILE");
}

void LookAtEnding(const v1::Ending& ending, absl::Time now, Finder& finder) {
  const int64_t soon = ending.kind() == "revocation list" ? kSoonDaysOfLists : kSoonDays;
  if (absl::FromUnixSeconds(ending.end()) - now >= absl::Hours(24 * soon)) return;
  const std::string whose = !IsNamed(ending)            ? std::string(kNotTold)
                            : ending.key_name().empty() ? absl::StrCat("of ", ending.subject())
                                                        : absl::StrCat("of the key ", ending.key_name());
  finder.Warn(absl::StrCat("the ", ending.kind(), " ", whose, " ends: ", FormatEnd(ending.end(), now)), FixOf(ending));
}

void LookAtKeys(const v1::GetStatusResponse& status, Finder& finder) {
  if (status.unusable_keys() > 0) {
    finder.Fail("keys are held by no backend of the configuration; see: ddskeyctl key list");
  }
  for (const v1::KeyProblem& key : status.key_problems()) {
    if (key.key_name().empty()) {
      finder.Fail("a key does not sign (which, and why, is told to who may do KEY_LIST)");
      continue;
    }
    finder.Fail(absl::StrCat("the key ", key.key_name(), " (generation ", key.generation(),
                             ") does not sign: ", key.problem()));
  }
  if (status.keys() > 0 && status.policy_file().empty()) {
    finder.Warn("there is no policy file, so nobody may use a key",
                "ddskeyctl setup; or write /etc/ddskeyd/policy.textproto, see ddskeyd-policy(5)");
  }
}

}  // namespace

std::vector<Attention> FindAttention(const v1::GetStatusResponse& status, absl::Time now) {
  Finder finder;
  if (!status.policy_error().empty()) {
    finder.Fail("the last reload of the policy was not taken: " + status.policy_error(),
                "correct the file, and: systemctl reload ddskeyd");
  }
  if (status.has_clock() && !status.clock().set()) {
    finder.Fail("the clock is not set; if it is right, see: ddskeyctl clock reset --help");
  }
  for (const v1::RevocationListFileStatus& file : status.revocation_list_files()) {
    if (file.problem().empty()) continue;
    finder.Fail(absl::StrCat("the revocation list file ", file.path(), " is not used: ", file.problem()));
  }
  for (const v1::BackendStatus& backend : status.backends()) LookAtBackend(backend, finder);
  LookAtKeys(status, finder);
  for (const v1::OutdatedOcspResponse& outdated : status.outdated_ocsp_responses()) {
    const std::string& key = outdated.key_name();
    finder.Warn(absl::StrCat("the OCSP response ", key.empty() ? kNotTold : absl::StrCat("of the key ", key),
                             " is not shown to peers any more: next update ", FormatEnd(outdated.next_update(), now)),
                key.empty() ? "" : absl::StrCat("ddskeyctl ocsp install ", ShellWord(key), " --response FILE"));
  }
  for (const v1::Ending& ending : status.endings()) LookAtEnding(ending, now, finder);
  if (status.audit_records_lost() > 0) {
    finder.Warn(absl::StrCat(status.audit_records_lost(), " audit records could not be written since the start"),
                "see whether the journal is too slow: journalctl -u systemd-journald");
  }
  return finder.Take();
}

}  // namespace ddskey::cli
