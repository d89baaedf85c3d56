#ifndef CLIENT_SETUP_PLAN_H_
#define CLIENT_SETUP_PLAN_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/setup/backend_probe.h"
#include "client/setup/situation.h"
#include "client/setup/wishes.h"

namespace ddskey::setup {

// StepKind is what a step does.
enum class StepKind {
  // Write `files`, keeping a copy of each that is replaced.
  kWriteKeepingOld,
  // Write `files`.
  kWrite,
  kRestart,
  kReload,
  kMakeAuthorities,
  kMakeKey,
  // Have the CA on this host certify the key, and install the certificate.
  kCertify,
  // Make a certification request into the file `files[0].name`.
  kRequest,
  // Install the certificate `files[0].content`.
  kInstall,
  // Have the CA on this host sign `files[0].content`; what comes of it is the file `files[0].name`.
  kSign,
};

// File is a file of the folder, with its new content.
struct File {
  std::string name;
  std::string content;
};

// Step is one change, small enough to be repeated as a whole if it was interrupted.
struct Step {
  StepKind kind = StepKind::kWrite;
  // What it is about, if it is about one.
  std::string identity;
  std::vector<File> files;
  // Of a new key; empty for the first one.
  std::string backend;
  // For people, as a command to do it; and lines that say it exactly, for example rules.
  std::string text;
  std::string details;
  // After it, the policy in force has that many rules.
  size_t rule_count = 0;
};

// Plan is what is still to do.
struct Plan {
  std::vector<Step> steps;
  // What others must sign before it goes on: "FILE, as FILE".
  std::vector<std::string> waits;
  std::vector<std::string> warnings;
};

// MakePlan says what must be done for `wishes`, in order. What a later step writes may depend on what an earlier one
// has made: carry out the first, survey again, and plan again (client/setup/execution.h). Nothing is planned twice: a
// host that is as wished for has an empty plan. FAILED_PRECONDITION if something is in the way that somebody must
// decide, with what to do. `folder` is the path of the settings; `surroundings` is used if a backend must be found.
absl::StatusOr<Plan> MakePlan(const Wishes& wishes, const Situation& situation, const std::string& folder,
                              const Surroundings& surroundings, absl::Time now);

// SubjectOf is the subject that a new identity gets: type and value, in the order of the certificate.
std::vector<std::pair<std::string, std::string>> SubjectOf(const Wishes& wishes, const std::string& name);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_PLAN_H_
