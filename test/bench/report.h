#ifndef TEST_BENCH_REPORT_H_
#define TEST_BENCH_REPORT_H_

#include <cstdio>
#include <string>
#include <vector>

namespace ddskey::bench {

// Line is a line of the table: a number of ours beside the reference measured in the same run.
struct Line {
  std::string what;
  std::string ours;
  // Empty where there is nothing to compare with.
  std::string reference;
  // The number that `reach` is about: a ratio, a difference, or the number itself.
  std::string result;
  // What was to be reached; empty for numbers that only explain others.
  std::string reach;
  bool reached = false;
};

// Paired makes a line whose result is the median of the rounds' ratios ours / reference. `unit` follows the numbers.
// `reach` is the largest ratio that will do, or the smallest if `at_least`.
Line Paired(const std::string& what, const std::vector<double>& ours, const std::vector<double>& reference,
            const std::string& unit, double reach, bool at_least = false);

// Difference makes a line whose result is the median of the rounds' differences ours - reference, `reach` at most.
Line Difference(const std::string& what, const std::vector<double>& ours, const std::vector<double>& reference,
                const std::string& unit, double reach);

// Single makes a line about the median of `ours`, `reach` at most.
Line Single(const std::string& what, const std::vector<double>& ours, const std::string& unit, double reach);

// Note makes a line that only explains, with the ratio to `reference` if there is one.
Line Note(const std::string& what, const std::vector<double>& ours, const std::string& unit,
          const std::vector<double>& reference = {});

// Table lays lines out in columns, as Markdown.
std::string Table(const std::vector<Line>& lines);

// Number writes `value` with three significant digits, or all digits of its integer part.
std::string Number(double value);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_REPORT_H_
