#include "test/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ddskey::bench {
namespace {

// Quantile interpolates between the two neighbours of the place `part` (0 to 1) in `sorted`.
double Quantile(const std::vector<double>& sorted, double part) {
  const double place = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(place));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - std::floor(place));
}

}  // namespace

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return Quantile(values, 0.5);
}

double Spread(std::vector<double> values) {
  std::ranges::sort(values);
  const double median = Quantile(values, 0.5);
  return median == 0 ? 0 : (Quantile(values, 0.75) - Quantile(values, 0.25)) / 2 / median;
}

}  // namespace ddskey::bench
