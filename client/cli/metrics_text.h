#ifndef CLIENT_CLI_METRICS_TEXT_H_
#define CLIENT_CLI_METRICS_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ddskey::cli {

// MetricsFormat is how metrics are written: as OpenMetrics 1.0.0 text, or as Prometheus' text format 0.0.4, which older
// readers take, and which node_exporter's textfile collector reads.
enum class MetricsFormat { kOpenMetrics, kPrometheus };

// MetricsText is metrics while they are written, one family after the other. Label values may hold any text; names of
// metrics and labels are constants of the program.
class MetricsText {
 public:
  // Labels are names and values.
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  explicit MetricsText(MetricsFormat format) : format_(format) {}

  // Gauge, Counter, Histogram and Info begin a family: all samples until the next one are its own. `name` has neither
  // the `_total` of counters nor the `_info` of infos. `unit` is empty, or what `name` ends with.
  void Gauge(std::string_view name, std::string_view unit, std::string_view help) { Begin(name, "gauge", unit, help); }
  void Counter(std::string_view name, std::string_view unit, std::string_view help) {
    Begin(name, "counter", unit, help);
  }
  void Histogram(std::string_view name, std::string_view unit, std::string_view help) {
    Begin(name, "histogram", unit, help);
  }
  void Info(std::string_view name, std::string_view help) { Begin(name, "info", "", help); }

  // Add adds a sample to the family, which is not a histogram.
  void Add(const Labels& labels, uint64_t value) { Sample(suffix_, labels, std::to_string(value)); }
  void Add(const Labels& labels, double value);

  // AddHistogram adds the samples of one: `counts[i]` values were at most `bounds[i]`; all together `count` and `sum`.
  void AddHistogram(const Labels& labels, std::span<const double> bounds, std::span<const uint64_t> counts,
                    uint64_t count, double sum);

  // Finish returns the text.
  std::string Finish();

 private:
  void Begin(std::string_view name, std::string_view type, std::string_view unit, std::string_view help);
  void Sample(std::string_view suffix, const Labels& labels, std::string_view value);

  const MetricsFormat format_;
  std::string text_;
  std::string name_;
  std::string_view suffix_;
};

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_METRICS_TEXT_H_
