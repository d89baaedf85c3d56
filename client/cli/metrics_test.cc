#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <tuple>

#include "client/cli/fake_admin_client.h"
#include "client/cli/metrics_text.h"
#include "client/cli/replace_file.h"
#include "client/cli/status_metrics.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using test::ReadFile;
using test::StatusIs;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(MetricsTextTest, WritesOpenMetrics) {
  MetricsText text(MetricsFormat::kOpenMetrics);
  text.Counter("a_seconds", "seconds", "Says \"a\\b\".");
  text.Add({{"x", "1\n\"\\"}, {"y", ""}}, 0.25);
  text.Gauge("b", "", "B.");
  text.Add({}, uint64_t{18446744073709551615U});
  text.Info("c", "C.");
  text.Add({{"version", "1"}}, uint64_t{1});
  const double bounds[] = {0.0001, 1.5};
  const uint64_t counts[] = {1, 2};
  text.Histogram("d_seconds", "seconds", "D.");
  text.AddHistogram({{"x", "1"}}, bounds, counts, 3, 12.5);
  EXPECT_EQ(text.Finish(), R"(# TYPE a_seconds counter
# UNIT a_seconds seconds
# HELP a_seconds Says \"a\\b\".
a_seconds_total{x="1\n\"\\",y=""} 0.25
# TYPE b gauge
# HELP b B.
b 18446744073709551615
# TYPE c info
# HELP c C.
c_info{version="1"} 1
# TYPE d_seconds histogram
# UNIT d_seconds seconds
# HELP d_seconds D.
d_seconds_bucket{x="1",le="0.0001"} 1
d_seconds_bucket{x="1",le="1.5"} 2
d_seconds_bucket{x="1",le="+Inf"} 3
d_seconds_sum{x="1"} 12.5
d_seconds_count{x="1"} 3
# EOF
)");
}

TEST(MetricsTextTest, WritesPrometheusTextWithFamiliesNamedAsTheirSamples) {
  MetricsText text(MetricsFormat::kPrometheus);
  text.Counter("a_seconds", "seconds", "Says \"a\".");
  text.Add({}, 0.25);
  text.Info("c", "C.");
  text.Add({}, uint64_t{1});
  EXPECT_EQ(text.Finish(), R"(# TYPE a_seconds_total counter
# HELP a_seconds_total Says "a".
a_seconds_total 0.25
# TYPE c_info gauge
# HELP c_info C.
c_info 1
)");
}

TEST(StatusMetricsTest, SaysOnlyThatTheDaemonIsAway) {
  EXPECT_EQ(StatusMetrics(nullptr, MetricsFormat::kPrometheus),
            "# TYPE ddskey_up gauge\n"
            "# HELP ddskey_up 1 if ddskeyd answered when these metrics were made.\n"
            "ddskey_up 0\n");
}

TEST(StatusMetricsTest, HasWhatTheStatusSays) {
  v1::GetStatusResponse status;
  for (const auto& [operation, code, count] :
       {std::tuple("CreateKey", "OK", 2), std::tuple("CreateKey", "PERMISSION_DENIED", 3),
        std::tuple("GetKey", "PERMISSION_DENIED", 4)}) {
    v1::OperationCount& out = *status.add_operations();
    out.set_operation(operation);
    out.set_code(code);
    out.set_count(static_cast<uint64_t>(count));
  }
  // Of two CAs of one key the one that ends first.
  for (const int64_t end : {2'000, 1'000}) {
    v1::Ending& ending = *status.add_endings();
    ending.set_key_name("talker");
    ending.set_kind("identity CA");
    ending.set_end(end);
  }
  status.set_handshakes_allowed(7);
  v1::BackendStatus& backend = *status.add_backends();
  backend.set_name("tpm");
  backend.set_kind("tpm2");
  backend.set_healthy(true);
  backend.set_signatures(42);
  const std::string text = StatusMetrics(&status, MetricsFormat::kOpenMetrics);
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("\nddskey_up 1\n"), HasSubstr("ddskey_handshakes_total{outcome=\"allowed\"} 7\n"),
            HasSubstr("\nddskey_refusals_total{reason=\"permission_denied\"} 7\n"), Not(HasSubstr("reason=\"ok\"")),
            HasSubstr("ddskey_operations_total{operation=\"CreateKey\",code=\"ok\"} 2\n"),
            HasSubstr("ddskey_certificate_not_after_timestamp_seconds"
                      "{key=\"talker\",kind=\"identity_ca\"} 1000\n"),
            Not(HasSubstr(" 2000\n")), HasSubstr("ddskey_backend_healthy{backend=\"tpm\",kind=\"tpm2\"} 1\n"),
            HasSubstr("ddskey_signatures_total{backend=\"tpm\",kind=\"tpm2\"} 42\n")));
  EXPECT_THAT(text, EndsWith("\n# EOF\n"));
}

TEST(StatusMetricsTest, S17HasNoMoreThanAThousandCertificates) {
  v1::GetStatusResponse status;
  for (int i = 0; i < 1500; ++i) {
    v1::Ending& ending = *status.add_endings();
    ending.set_key_name("key" + std::to_string(i));
    ending.set_kind("certificate");
    ending.set_end(1'000'000 - i);
  }
  const std::string text = StatusMetrics(&status, MetricsFormat::kPrometheus);
  EXPECT_THAT(text, HasSubstr("{key=\"key1499\""));
  EXPECT_THAT(text, HasSubstr("{key=\"key500\""));
  EXPECT_THAT(text, Not(HasSubstr("{key=\"key499\"")));
}

class MetricsCommandTest : public ::testing::Test {
 protected:
  const test::TempDir folder_;
  const std::string file_ = folder_.File("ddskeyd.prom");
  Script script_;
};

TEST_F(MetricsCommandTest, ReplacesTheFileAtOnceAndReadableByAll) {
  folder_.Write("ddskeyd.prom", "of yesterday");
  chmod(file_.c_str(), 0600);
  const mode_t before = umask(077);
  EXPECT_EQ(RunWith(script_, {"metrics", "--out", file_, "--format", "prometheus"}).code, 0);
  umask(before);
  EXPECT_THAT(ReadFile(file_), AllOf(HasSubstr("ddskey_up 1\n"), Not(HasSubstr("yesterday")), Not(HasSubstr("EOF"))));
  struct stat made = {};
  ASSERT_EQ(stat(file_.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, 0644u);
  const std::filesystem::directory_iterator files(std::filesystem::path(file_).parent_path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing else is left in the folder";
}

TEST_F(MetricsCommandTest, SaysInTheFileThatTheDaemonIsAway) {
  script_.status = absl::UnavailableError("away");
  EXPECT_EQ(RunWith(script_, {"metrics", "--out", file_}).code, 3);
  EXPECT_THAT(ReadFile(file_), AllOf(HasSubstr("ddskey_up 0\n"), EndsWith("# EOF\n")));
}

TEST_F(MetricsCommandTest, S14WritesThroughNoLinkOnTheWay) {
  const std::filesystem::path real = folder_.File("real");
  std::filesystem::create_directories(real / "below");
  std::filesystem::create_directory_symlink(real, folder_.File("link"));
  for (const char* const path : {"link/ddskeyd.prom", "link/below/ddskeyd.prom"}) {
    const Outcome outcome = RunWith(script_, {"metrics", "--out", folder_.File(path)});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("symbolic link"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(real / "below"));
  EXPECT_FALSE(std::filesystem::exists(real / "ddskeyd.prom"));
  EXPECT_EQ(RunWith(script_, {"metrics", "--out", real / "below/ddskeyd.prom"}).code, 0);
}

TEST_F(MetricsCommandTest, LeavesOutNamesOfKeysIfAsked) {
  for (const char* const name : {"talker", "listener"}) {
    v1::Ending& ending = *script_.daemon.add_endings();
    ending.set_key_name(name);
    ending.set_subject(std::string("CN=") + name);
    ending.set_kind("certificate");
    ending.set_end(name[0]);
  }
  EXPECT_THAT(RunWith(script_, {"metrics"}).out, HasSubstr("key=\"talker\""));
  const std::string text = RunWith(script_, {"metrics", "--no-key-names"}).out;
  EXPECT_THAT(text, AllOf(Not(HasSubstr("talker")), Not(HasSubstr("listener"))));
  // Of all together the one that ends first.
  EXPECT_THAT(text, HasSubstr("{key=\"\",kind=\"certificate\"} 108\n"));
}

TEST_F(MetricsCommandTest, PrintsWithoutAFile) {
  const Outcome outcome = RunWith(script_, {"metrics"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("# TYPE ddskey_up gauge\n"));
}

TEST_F(MetricsCommandTest, TakesNothingThatIsNoFile) {
  ASSERT_EQ(symlink("/dev/null", file_.c_str()), 0);
  EXPECT_EQ(RunWith(script_, {"metrics", "--out", file_}).code, 1);
  EXPECT_EQ(RunWith(script_, {"metrics", "--out", folder_.File("")}).code, 2);
  EXPECT_EQ(RunWith(script_, {"metrics", "--out", ""}).code, 2);
  EXPECT_EQ(RunWith(script_, {"metrics", "--format", "xml"}).code, 2);
  EXPECT_THAT(ReplaceFile(folder_.File("absent/file"), "x", 0644), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace ddskey::cli
