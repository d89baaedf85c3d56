#include "client/setup/configuration.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "ddskey/v1/config.pb.h"

namespace ddskey::setup {
namespace {

using google::protobuf::TextFormat;

constexpr char kMark[] = "# By ddskeyctl setup. The first backend is where new keys are made.\n";

// FirstMistake keeps the first of the mistakes in a document.
class FirstMistake : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string KindOf(const v1::Backend& backend) {
  switch (backend.kind_case()) {
    case v1::Backend::kSoftware:
      return "software";
    case v1::Backend::kTpm2:
      return "tpm2";
    case v1::Backend::kPkcs11:
      return "pkcs11";
    default:
      return "";
  }
}

std::string TctiOf(const v1::Backend& backend) {
  if (!backend.has_tpm2()) return "";
  return backend.tpm2().tcti().empty() ? "device:/dev/tpmrm0" : backend.tpm2().tcti();
}

std::string UsualName(const BackendChoice& choice) { return choice.kind == "software" ? "software" : "tpm"; }

std::string Line(const BackendChoice& choice, const std::string& name) {
  if (choice.kind == "software") return absl::StrCat("backend { name: \"", name, "\" software {} }\n");
  return absl::StrCat("backend { name: \"", name, "\" tpm2 { tcti: \"", absl::CEscape(choice.tcti), "\" } }\n");
}

}  // namespace

absl::StatusOr<Configuration> Configuration::Parse(std::string_view text, const std::string& file) {
  v1::Config config;
  TextFormat::Parser parser;
  FirstMistake mistake;
  parser.RecordErrorsTo(&mistake);
  if (!parser.ParseFromString(std::string(text), &config)) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", mistake.text()));
  }
  Configuration configuration;
  configuration.text_ = std::string(text);
  configuration.policy_file_ = config.policy_file();
  for (const v1::Backend& backend : config.backend()) {
    configuration.backends_.push_back({backend.name(), KindOf(backend), TctiOf(backend)});
  }
  return configuration;
}

std::optional<std::string> Configuration::NameOf(const BackendChoice& choice) const {
  const auto found = std::ranges::find_if(backends_, [&](const ConfiguredBackend& backend) {
    return backend.kind == choice.kind && backend.tcti == choice.tcti;
  });
  if (found == backends_.end()) return std::nullopt;
  return found->name;
}

std::string Configuration::WithBackend(const BackendChoice& choice, bool keep_software) const {
  std::string text = text_;
  if (!text.empty() && !text.ends_with('\n')) text.push_back('\n');
  absl::StrAppend(&text, kMark, Line(choice, UsualName(choice)));
  const BackendChoice software = {.kind = "software", .tcti = ""};
  if (keep_software && choice.kind != "software") absl::StrAppend(&text, Line(software, UsualName(software)));
  return text;
}

std::string Configuration::WithBackendsReplaced(const BackendChoice& choice) const {
  v1::Config config;
  // It was parsed before.
  TextFormat::ParseFromString(text_, &config);
  config.clear_backend();
  std::string text;
  TextFormat::PrintToString(config, &text);
  // A new name shows that a daemon has not read this yet. Keys are found by their device, whatever its name is.
  std::string name = UsualName(choice);
  const auto taken = [this](const std::string& candidate) {
    return std::ranges::find(backends_, candidate, &ConfiguredBackend::name) != backends_.end();
  };
  for (int number = 2; taken(name); ++number) name = absl::StrCat(UsualName(choice), "-", number);
  return absl::StrCat(text, kMark, Line(choice, name));
}

}  // namespace ddskey::setup
