#include "client/doctor/configuration.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/doctor/trusted_path.h"

namespace ddskey::doctor {
namespace {

// FirstMistake keeps the first mistake of a text.
class FirstMistake : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  void AddWarning(int, int, const std::string&) override {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void FillIn(v1::Config& config) {
  if (config.socket().empty()) config.set_socket("/run/ddskeyd/ddskeyd.sock");
  if (config.admin_socket().empty()) config.set_admin_socket("/run/ddskeyd/admin.sock");
  if (config.state_directory().empty()) config.set_state_directory("/var/lib/ddskeyd");
  if (config.policy_file().empty()) config.set_policy_file("/etc/ddskeyd/policy.textproto");
  if (config.backend().empty()) config.add_backend()->mutable_software();
}

// Ask has the daemon's program look for mistakes; false if it cannot be asked.
bool Ask(const Host& host, const std::string& path, const std::string& daemon, Findings& findings) {
  const absl::StatusOr<CommandResult> checked = host.Run({daemon, "--check", "--config", path});
  if (!checked.ok()) return false;
  if (checked->exit_status == 0) {
    findings.Ok("config.check", absl::StrCat(daemon, " --check finds no mistakes"));
    return true;
  }
  for (absl::string_view line : absl::StrSplit(checked->output, '\n', absl::SkipEmpty())) {
    absl::ConsumePrefix(&line, "ddskeyd: ");
    findings.Problem("config.check", std::string(line),
                     absl::StrCat("correct what it names, then: ", daemon, " --check && systemctl restart ddskeyd"));
  }
  return true;
}

}  // namespace

v1::Config ReadConfiguration(const Host& host, const std::string& path, const std::string& daemon, Findings& findings) {
  v1::Config config;
  const absl::StatusOr<std::string> text = host.Read(path);
  if (absl::IsNotFound(text.status())) {
    findings.Ok("config.file", absl::StrCat("there is no ", path, ": the daemon has its defaults"));
    FillIn(config);
    return config;
  }
  if (!text.ok()) {
    findings.Warn("config.file", absl::StrCat("the configuration was not read: ", text.status().message()),
                  "sudo ddskeyctl doctor");
    FillIn(config);
    return config;
  }
  // What it names is looked at with our rights, often root's: nobody else may have written it, not the daemon either.
  if (!CheckTrustedPath(host, path, 0, "config", findings)) {
    findings.Warn("config.file",
                  absl::StrCat(path, " is not trusted: what it says was not looked at, but the defaults"),
                  absl::StrCat("look at what others wrote into ", path, ", mend what is said above, and repeat this"));
    FillIn(config);
    return config;
  }
  FirstMistake mistake;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistake);
  const bool parsed = parser.ParseFromString(*text, &config);
  const bool asked = Ask(host, path, daemon, findings);
  if (!parsed && !asked) {
    findings.Problem("config.parse", absl::StrCat(path, ":", mistake.text()),
                     absl::StrCat("correct ", path, ", then: systemctl restart ddskeyd"));
  } else if (parsed) {
    findings.Ok("config.file", absl::StrCat(path, " is root's alone and can be read"));
  }
  if (!parsed) config.Clear();
  FillIn(config);
  return config;
}

}  // namespace ddskey::doctor
