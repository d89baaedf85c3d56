#include "test/bench/report.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "test/bench/statistics.h"

namespace ddskey::bench {
namespace {

using Cells = std::array<std::string, 6>;

std::string WithUnit(const std::string& number, const std::string& unit) {
  return unit.empty() ? number : absl::StrCat(number, " ", unit);
}

// Told is the median of `values` with its spread.
std::string Told(const std::vector<double>& values, const std::string& unit) {
  const std::string median = WithUnit(Number(Median(values)), unit);
  return values.size() < 3 ? median : absl::StrCat(median, absl::StrFormat(" ±%.0f %%", Spread(values) * 100));
}

// ReachText has as many digits as `reach` needs, at least one.
std::string ReachText(double reach) {
  const double tenths = reach * 10;
  return absl::StrFormat("%.*f", std::abs(tenths - std::round(tenths)) < 1e-6 ? 1 : 2, reach);
}

std::vector<double> Combine(const std::vector<double>& ours, const std::vector<double>& reference,
                            double (*combine)(double, double)) {
  std::vector<double> result;
  for (size_t i = 0; i < std::min(ours.size(), reference.size()); ++i) {
    result.push_back(combine(ours[i], reference[i]));
  }
  return result;
}

// Width counts characters, not octets.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string Number(double value) {
  const double size = std::abs(value);
  const int digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return absl::StrFormat("%.*f", digits, value);
}

Line Paired(const std::string& what, const std::vector<double>& ours, const std::vector<double>& reference,
            const std::string& unit, double reach, bool at_least) {
  const double ratio = Median(Combine(ours, reference, [](double a, double b) { return a / b; }));
  return {.what = what,
          .ours = Told(ours, unit),
          .reference = Told(reference, unit),
          .result = absl::StrFormat("%.2f", ratio),
          .reach = absl::StrCat(at_least ? ">= " : "<= ", ReachText(reach)),
          .reached = at_least ? ratio >= reach : ratio <= reach};
}

Line Difference(const std::string& what, const std::vector<double>& ours, const std::vector<double>& reference,
                const std::string& unit, double reach) {
  const double more = Median(Combine(ours, reference, [](double a, double b) { return a - b; }));
  return {.what = what,
          .ours = Told(ours, unit),
          .reference = Told(reference, unit),
          .result = WithUnit(absl::StrCat(more < 0 ? "" : "+", Number(more)), unit),
          .reach = WithUnit(absl::StrCat("<= ", reach), unit),
          .reached = more <= reach};
}

Line Single(const std::string& what, const std::vector<double>& ours, const std::string& unit, double reach) {
  const double median = Median(ours);
  return {.what = what,
          .ours = Told(ours, unit),
          .reference = "",
          .result = WithUnit(Number(median), unit),
          .reach = WithUnit(absl::StrCat("<= ", reach), unit),
          .reached = median <= reach};
}

Line Note(const std::string& what, const std::vector<double>& ours, const std::string& unit,
          const std::vector<double>& reference) {
  if (!reference.empty()) {
    Line line = Paired(what, ours, reference, unit, 0);
    line.reach.clear();
    return line;
  }
  return {.what = what, .ours = Told(ours, unit), .reference = "", .result = "", .reach = "", .reached = false};
}

std::string Table(const std::vector<Line>& lines) {
  std::vector<Cells> rows = {{"what", "ours", "reference", "result", "reach", "reached"}};
  for (const Line& line : lines) {
    const std::string reached = line.reach.empty() ? "" : line.reached ? "yes" : "no";
    rows.push_back({line.what, line.ours, line.reference, line.result, line.reach, reached});
  }
  std::array<size_t, 6> widths = {};
  for (const Cells& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string table;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < widths.size(); ++i) {
      absl::StrAppend(&table, "| ", rows[r][i], std::string(widths[i] - Width(rows[r][i]), ' '), " ");
    }
    absl::StrAppend(&table, "|\n");
    if (r != 0) continue;
    for (const size_t width : widths) absl::StrAppend(&table, "|", std::string(width + 2, '-'));
    absl::StrAppend(&table, "|\n");
  }
  return table;
}

}  // namespace ddskey::bench
