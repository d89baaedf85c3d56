#include "client/doctor/finding.h"

#include <algorithm>
#include <utility>

namespace ddskey::doctor {

std::string_view NameOf(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
  }
  return "problem";
}

void Findings::Ok(std::string_view check, std::string text) {
  all_.push_back({.level = Level::kOk, .check = std::string(check), .text = std::move(text), .fix = ""});
}

void Findings::Warn(std::string_view check, std::string text, std::string fix) {
  all_.push_back(
      {.level = Level::kWarning, .check = std::string(check), .text = std::move(text), .fix = std::move(fix)});
}

void Findings::Problem(std::string_view check, std::string text, std::string fix) {
  all_.push_back(
      {.level = Level::kProblem, .check = std::string(check), .text = std::move(text), .fix = std::move(fix)});
}

size_t Findings::Count(Level level) const {
  return static_cast<size_t>(
      std::ranges::count_if(all_, [level](const Finding& finding) { return finding.level == level; }));
}

}  // namespace ddskey::doctor
