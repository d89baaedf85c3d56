#include "client/setup/execution.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/setup/authorities.h"
#include "client/setup/settings_folder.h"
#include "client/setup/situation.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

// For a daemon that starts: sockets, keystore, then devices.
constexpr absl::Duration kServes = absl::Seconds(20);
constexpr absl::Duration kHealthy = absl::Seconds(10);
constexpr absl::Duration kPause = absl::Milliseconds(50);

// Until asks `done` until it is true, or `limit` has passed; it returns the last answer.
bool Until(absl::Duration limit, const std::function<bool()>& done) {
  const absl::Time end = absl::Now() + limit;
  while (!done()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(kPause);
  }
  return true;
}

// AwaitDevice lets a daemon that has just begun reach the holder of new keys; the plan says what is wrong with it if it
// does not.
void AwaitDevice(AdminClient& admin) {
  Until(kHealthy, [&] {
    const auto status = admin.GetStatus(v1::GetStatusRequest());
    return !status.ok() || status->backends().empty() || status->backends(0).healthy() ||
           status->uptime_seconds() >= absl::ToDoubleSeconds(kHealthy);
  });
}

absl::StatusOr<std::unique_ptr<SettingsFolder>> OpenIfThere(const std::string& path) {
  auto folder = SettingsFolder::Open(path);
  if (absl::IsNotFound(folder.status())) return nullptr;
  return folder;
}

// Worker does single steps.
class Worker {
 public:
  Worker(const Wishes& wishes, const Means& means, SettingsFolder& folder)
      : wishes_(wishes), means_(means), folder_(folder) {}

  absl::Status Do(const Step& step) {
    switch (step.kind) {
      case StepKind::kWriteKeepingOld:
        return Write(step, true);
      case StepKind::kWrite:
        return Write(step, false);
      case StepKind::kRestart:
        return Restart();
      case StepKind::kReload:
        return Reload(step.rule_count);
      case StepKind::kMakeAuthorities:
        return MakeAuthorities(folder_, wishes_.organization, wishes_.passphrase_file, means_.now);
      case StepKind::kMakeKey:
        return MakeKey(step);
      case StepKind::kCertify:
        return Certify(step.identity);
      case StepKind::kRequest:
        return WriteRequest(step);
      case StepKind::kInstall:
        return Install(step.identity, step.files.front().content);
      case StepKind::kSign:
        return Sign(step.files.front());
    }
    return absl::InternalError("a step of an unknown kind");
  }

 private:
  absl::Status Write(const Step& step, bool keep) {
    for (const File& file : step.files) {
      if (keep) RETURN_IF_ERROR(folder_.Keep(file.name).status());
      RETURN_IF_ERROR(folder_.Write(file.name, file.content));
    }
    return absl::OkStatus();
  }

  absl::Status Restart() {
    RETURN_IF_ERROR(means_.services.Restart());
    absl::StatusOr<v1::GetStatusResponse> status;
    if (!Until(kServes, [&] {
          status = means_.admin.GetStatus(v1::GetStatusRequest());
          return !absl::IsUnavailable(status.status());
        })) {
      return status.status();
    }
    AwaitDevice(means_.admin);
    return absl::OkStatus();
  }

  absl::Status Reload(size_t rule_count) {
    RETURN_IF_ERROR(means_.services.Reload());
    absl::StatusOr<v1::GetStatusResponse> status;
    const bool taken = Until(kServes, [&] {
      status = means_.admin.GetStatus(v1::GetStatusRequest());
      return status.ok() && (status->policy_rules() == rule_count || !status->policy_error().empty());
    });
    if (!status.ok()) return status.status();
    if (taken && status->policy_error().empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the daemon did not take the policy ", folder_.File(kPolicyFile), ": ",
                     status->policy_error().empty() ? "it still has another; does its configuration name this file?"
                                                    : status->policy_error()));
  }

  absl::Status MakeKey(const Step& step) {
    v1::CreateKeyRequest create;
    create.set_name(step.identity);
    create.set_backend(step.backend);
    create.set_algorithm(wishes_.algorithm);
    create.set_purpose(wishes_.application == Application::kFastDds ? "digest" : "handshake");
    return means_.admin.CreateKey(create).status();
  }

  absl::StatusOr<std::string> Request(const std::string& name) {
    v1::CreateCertificateSigningRequestRequest request;
    request.set_key_name(name);
    for (const auto& [type, value] : SubjectOf(wishes_, name)) {
      v1::SubjectAttribute& attribute = *request.add_subject();
      attribute.set_type(type);
      attribute.set_value(value);
    }
    ASSIGN_OR_RETURN(const v1::CreateCertificateSigningRequestResponse response,
                     means_.admin.CreateCertificateSigningRequest(request));
    return response.csr_pem();
  }

  absl::Status Certify(const std::string& name) {
    ASSIGN_OR_RETURN(const std::string request, Request(name));
    ASSIGN_OR_RETURN(const std::string certificate,
                     CertifyRequest(folder_, request, SubjectOf(wishes_, name), wishes_.passphrase_file,
                                    means_.now + wishes_.validity, means_.now));
    return Install(name, certificate);
  }

  absl::Status WriteRequest(const Step& step) {
    ASSIGN_OR_RETURN(const std::string request, Request(step.identity));
    return folder_.Write(step.files.front().name, request);
  }

  absl::Status Install(const std::string& name, const std::string& certificate) {
    ASSIGN_OR_RETURN(const std::optional<std::string> anchors, folder_.Read(kIdentityCaFile));
    v1::InstallCertificateRequest install;
    install.set_key_name(name);
    install.set_certificate_chain(certificate);
    install.set_anchors(anchors.value_or(""));
    return means_.admin.InstallCertificate(install).status();
  }

  absl::Status Sign(const File& file) {
    ASSIGN_OR_RETURN(const std::string document,
                     SignDocument(folder_, file.content, wishes_.passphrase_file, means_.now));
    return folder_.Write(file.name, document);
  }

  const Wishes& wishes_;
  const Means& means_;
  SettingsFolder& folder_;
};

}  // namespace

absl::StatusOr<Plan> Prepare(const Wishes& wishes, const Means& means) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SettingsFolder> folder, OpenIfThere(means.folder));
  AwaitDevice(means.admin);
  ASSIGN_OR_RETURN(const Situation situation, Survey(wishes, folder.get(), means.admin));
  return MakePlan(wishes, situation, means.folder, means.surroundings, means.now);
}

absl::StatusOr<Plan> CarryOut(const Wishes& wishes, const Means& means,
                              const std::function<void(const Step& step)>& report) {
  // Nothing is made before it is known that all can be planned.
  ASSIGN_OR_RETURN(Plan plan, Prepare(wishes, means));
  ASSIGN_OR_RETURN(const std::unique_ptr<SettingsFolder> folder, SettingsFolder::Make(means.folder));
  Worker worker(wishes, means, *folder);
  std::string last;
  while (!plan.steps.empty()) {
    const Step step = plan.steps.front();
    if (step.text == last) {
      return absl::InternalError(absl::StrCat("what was to be done is not done: ", step.text));
    }
    report(step);
    RETURN_IF_ERROR(worker.Do(step));
    last = step.text;
    ASSIGN_OR_RETURN(plan, Prepare(wishes, means));
  }
  return plan;
}

}  // namespace ddskey::setup
