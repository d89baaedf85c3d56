#ifndef TEST_BENCH_STATISTICS_H_
#define TEST_BENCH_STATISTICS_H_

#include <vector>

namespace ddskey::bench {

// Median is the middle of `values`, or the mean of the two middle ones. There must be at least one.
double Median(std::vector<double> values);

// Spread is half of the distance between the first and the third quartile, over the median: how far apart rounds were.
double Spread(std::vector<double> values);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_STATISTICS_H_
