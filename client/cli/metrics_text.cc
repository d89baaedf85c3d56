#include "client/cli/metrics_text.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey::cli {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// EscapeText escapes as both formats want it; quotes need it in values of labels alone.
std::string EscapeText(std::string_view text, bool is_value) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || (c == '"' && is_value)) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string FormatNumber(double value) {
  // The most that a number without an exponent takes.
  std::array<char, 400> digits;
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  return error == std::errc() ? std::string(digits.data(), end) : "NaN";
}

}  // namespace

void MetricsText::Add(const Labels& labels, double value) { Sample(suffix_, labels, FormatNumber(value)); }

void MetricsText::AddHistogram(const Labels& labels, std::span<const double> bounds, std::span<const uint64_t> counts,
                               uint64_t count, double sum) {
  Labels with_bound = labels;
  with_bound.emplace_back("le", "");
  for (size_t i = 0; i < bounds.size() && i < counts.size(); ++i) {
    with_bound.back().second = FormatNumber(bounds[i]);
    Sample("_bucket", with_bound, std::to_string(counts[i]));
  }
  with_bound.back().second = "+Inf";
  Sample("_bucket", with_bound, std::to_string(count));
  Sample("_sum", labels, FormatNumber(sum));
  Sample("_count", labels, std::to_string(count));
}

std::string MetricsText::Finish() {
  if (format_ == MetricsFormat::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

void MetricsText::Begin(std::string_view name, std::string_view type, std::string_view unit, std::string_view help) {
  name_ = name;
  suffix_ = type == "counter" ? "_total" : type == "info" ? "_info" : "";
  const bool is_open = format_ == MetricsFormat::kOpenMetrics;
  // In OpenMetrics a family's name has no suffix; Prometheus' format knows samples only, and has no infos.
  const std::string family = is_open ? name_ : absl::StrCat(name_, View(suffix_));
  absl::StrAppend(&text_, "# TYPE ", family, " ", type == "info" && !is_open ? "gauge" : View(type), "\n");
  if (is_open && !unit.empty()) absl::StrAppend(&text_, "# UNIT ", family, " ", View(unit), "\n");
  absl::StrAppend(&text_, "# HELP ", family, " ", EscapeText(help, /*is_value=*/is_open), "\n");
}

void MetricsText::Sample(std::string_view suffix, const Labels& labels, std::string_view value) {
  absl::StrAppend(&text_, name_, View(suffix));
  char before = '{';
  for (const auto& [name, text] : labels) {
    absl::StrAppend(&text_, std::string(1, before), View(name), "=\"", EscapeText(text, /*is_value=*/true), "\"");
    before = ',';
  }
  absl::StrAppend(&text_, labels.empty() ? "" : "}", " ", View(value), "\n");
}

}  // namespace ddskey::cli
