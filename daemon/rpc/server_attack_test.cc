#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "daemon/rpc/connected_child.h"
#include "daemon/rpc/http2_frames.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/server_fixture.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the frames are the vocabulary of this test.
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr char kUnary[] = "/ddskey.test.EchoService/Unary";
// The beginning of a header whose name has 2^28 octets (RFC 7541, 5.2).
constexpr std::string_view kEndlessName("\0\x7f\x80\xff\xff\xff\x07", 7);
// The same with 10,000 octets.
constexpr std::string_view kLongName("\0\x7f\x91\x4d", 4);
constexpr char kStream[] = "/ddskey.test.EchoService/Stream";

// Resident memory of this process, in which the server is.
size_t ResidentOctets() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// PeakMemory tells how much more memory was resident at any time since it was made.
class PeakMemory {
 public:
  PeakMemory() : begin_(ResidentOctets()) { std::ofstream("/proc/self/clear_refs") << "5"; }

  size_t Growth() const {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word && word != "VmHWM:") {
    }
    size_t kilobytes = 0;
    status >> kilobytes;
    return std::max(kilobytes * 1024, begin_) - begin_;
  }

 private:
  const size_t begin_;
};

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * time.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct HasTempDir {
  const TempDir dir_;
};

// An honest client is connected before each attack and calls after it.
class ServerAttackTest : public ::testing::TestWithParam<ServerKind>, protected HasTempDir, protected ServerFixture {
 protected:
  ServerAttackTest() : ServerFixture(dir_.File("socket"), GetParam()) {}

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Start());
    honest_ = Connect();
    ASSERT_TRUE(Echoes(*honest_));
  }
  void TearDown() override { EXPECT_TRUE(Echoes(*honest_)); }

  std::unique_ptr<EchoService::Stub> honest_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, ServerAttackTest, ::testing::Values(ServerKind::kGrpc, ServerKind::kUnary),
                         &ServerKindName);

// The attack that hangs gRPC 1.51 (CVE-2023-33953): a string in a header block that never ends, in many parts. For each
// part gRPC copies and reads all parts before it again; without the guard, this test keeps a core busy for minutes.
TEST_P(ServerAttackTest, S9ClosesOnUnfinishedHeaderBlock) {
  const PeakMemory memory;
  const double cpu = CpuSeconds();
  for (int i = 0; i < 20; ++i) {
    RawClient attacker(path_);
    ASSERT_TRUE(attacker.Send(Hello() + Frame(kHeaders, 0, 1, kEndlessName)));
    uint64_t sent = 0;
    const std::string part = Frame(kContinuation, 0, 1, std::string(100, 'a'));
    while (attacker.Send(part) && sent < 1'000'000) ++sent;
    EXPECT_LT(sent, 1'000'000u);
    EXPECT_TRUE(attacker.ReadToTheEnd());
  }
  EXPECT_TRUE(WaitFor([&] { return server_->refused_count() == 20; }));
  EXPECT_LT(CpuSeconds() - cpu, 2.0);
  EXPECT_LT(memory.Growth(), 8u << 20);
}

TEST_P(ServerAttackTest, S9ClosesOnAHeaderBlockThatTrickles) {
  RawClient attacker(path_);
  const auto begun = steady_clock::now();
  ASSERT_TRUE(attacker.Send(Hello() + Frame(kHeaders, 0, 1, kLongName)));
  // One octet at a time of a part that is announced as long.
  ASSERT_TRUE(attacker.Send(Frame(kContinuation, 0, 1, std::string(10'000, 'a')).substr(0, 20)));
  while (attacker.Send("a")) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_TRUE(attacker.ReadToTheEnd());
  EXPECT_THAT(attacker.received(), HasSubstr("a header block was not finished in time"));
  EXPECT_GE(steady_clock::now() - begun, kHeaderBlockTime);
}

TEST_P(ServerAttackTest, S9ClosesASilentConnection) {
  RawClient silent(path_);
  RawClient polite(path_);
  ASSERT_TRUE(polite.Send(Hello()));
  EXPECT_TRUE(silent.ReadToTheEnd());
  EXPECT_THAT(silent.received(), HasSubstr("no request came in time"));
  EXPECT_TRUE(polite.ReadToTheEnd());
  EXPECT_TRUE(WaitFor([&] { return server_->refused_count() == 2; }));
}

TEST_P(ServerAttackTest, S9ClosesOnAFloodOfPings) {
  RawClient attacker(path_);
  ASSERT_TRUE(attacker.Send(Hello()));
  uint64_t sent = 0;
  // Answers to what nobody asked: gRPC has a limit of its own for questions.
  while (attacker.Send(Frame(kPing, kAck, 0, "12345678")) && sent < 1'000'000) ++sent;
  EXPECT_LT(sent, 1'000'000u);
  EXPECT_TRUE(WaitFor([&] { return server_->refused_count() == 1; }));
}

TEST_P(ServerAttackTest, S9ClosesOnRapidResets) {
  RawClient attacker(path_);
  ASSERT_TRUE(attacker.Send(Hello()));
  uint32_t stream = 1;
  for (; stream < 1'000'000; stream += 2) {
    if (!attacker.Send(Frame(kHeaders, kEndHeaders, stream, RequestHeaders(kUnary)) +
                       Frame(kData, kEndStream, stream, Message("")) +
                       Frame(kRstStream, 0, stream, std::string("\0\0\0\x8", 4)))) {
      break;
    }
  }
  EXPECT_LT(stream, 1'000'000u);
  EXPECT_TRUE(WaitFor([&] { return server_->refused_count() == 1; }));
  EXPECT_LE(service_.calls, 150);
}

TEST_P(ServerAttackTest, S9ClosesOnTooManyStreams) {
  RawClient attacker(path_);
  ASSERT_TRUE(attacker.Send(Hello()));
  for (uint32_t stream = 1; stream < 200; stream += 2) {
    // Requests that are begun and not finished.
    if (!attacker.Send(Frame(kHeaders, kEndHeaders, stream, RequestHeaders(kUnary)))) break;
  }
  EXPECT_TRUE(attacker.ReadToTheEnd());
  EXPECT_THAT(attacker.received(), HasSubstr("too many streams are open"));
}

// Each octet of this block stands for a header of 4 KiB.
TEST_P(ServerAttackTest, S9AHeaderBlockThatUnfoldsCostsLittle) {
  const PeakMemory memory;
  for (int i = 0; i < 5; ++i) {
    RawClient attacker(path_);
    // Into the table (RFC 7541, 6.2.1): a name of one octet, a value of 3,900.
    const std::string entry = std::string("\x40\x01x\x7f\xbd\x1d", 6) + std::string(3900, 'v');
    ASSERT_TRUE(attacker.Send(Hello() + Frame(kHeaders, kEndHeaders | kEndStream, 1, RequestHeaders(kUnary) + entry)));
    for (uint32_t stream = 3; stream < 101; stream += 2) {
      if (!attacker.Send(Frame(kHeaders, kEndHeaders | kEndStream, stream, std::string(16'000, '\xbe')))) break;
    }
    EXPECT_TRUE(attacker.ReadToTheEnd());
  }
  EXPECT_LT(memory.Growth(), 32u << 20);
}

TEST_P(ServerAttackTest, S17DoesNotInflateACompressedMessage) {
  // 100 MiB of zeros, in a hundred kilobytes.
  constexpr int kMegabytes = 100;
  std::string bomb(kApplicationMessageOctets, '\0');
  {
    const std::vector<Bytef> zeros(1 << 20);
    z_stream stream = {};
    ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = reinterpret_cast<Bytef*>(bomb.data());
    stream.avail_out = bomb.size();
    for (int i = 0; i < kMegabytes; ++i) {
      stream.next_in = const_cast<Bytef*>(zeros.data());
      stream.avail_in = zeros.size();
      ASSERT_EQ(deflate(&stream, i + 1 == kMegabytes ? Z_FINISH : Z_NO_FLUSH),
                i + 1 == kMegabytes ? Z_STREAM_END : Z_OK);
    }
    bomb.resize(stream.total_out);
    deflateEnd(&stream);
  }
  ASSERT_LT(bomb.size(), size_t{kApplicationMessageOctets});
  const PeakMemory memory;
  RawClient attacker(path_);
  // A window large enough for the whole answer; then the message in frames as large as may be.
  ASSERT_TRUE(attacker.Send(
      Hello() + Frame(kHeaders, kEndHeaders, 1, RequestHeaders(kUnary) + Literal("grpc-encoding", "gzip"))));
  const std::string message = Message(bomb, /*compressed=*/true);
  std::thread sender([&] {
    for (size_t at = 0; at < message.size(); at += kFrameOctets) {
      const bool last = at + kFrameOctets >= message.size();
      if (!attacker.Send(Frame(kData, last ? kEndStream : 0, 1, std::string_view(message).substr(at, kFrameOctets)))) {
        return;
      }
    }
  });
  attacker.ReadUntil(kTrailers);
  sender.join();
  EXPECT_LT(memory.Growth(), 32u << 20);
  EXPECT_EQ(service_.calls, 1);
}

TEST_P(ServerAttackTest, S17AClientThatNeverReadsAnswersCostsLittle) {
  if (GetParam() == ServerKind::kGrpc) GTEST_SKIP() << "gRPC has one quota for all connections";
  const PeakMemory memory;
  std::vector<std::unique_ptr<ConnectedChild>> others;
  std::vector<std::unique_ptr<RawClient>> attackers;
  EchoRequest request;
  request.set_want_octets(400'000);
  for (int i = 0; i < 20; ++i) {
    others.push_back(std::make_unique<ConnectedChild>(path_, ConnectedChild::Options()));
    attackers.push_back(std::make_unique<RawClient>(UniqueFd(others.back()->TakeSocket())));
    // The largest windows there are, and as many answers as can be asked for.
    std::string octets = Hello() + Frame(kSettings, 0, 0, std::string("\0\x4\x7f\xff\xff\xff", 6)) +
                         Frame(kWindowUpdate, 0, 0, std::string("\x7f\xff\0\0", 4));
    for (uint32_t stream = 1; stream < 2 * kStreams; stream += 2) {
      octets += Frame(kHeaders, kEndHeaders, stream, RequestHeaders(kUnary)) +
                Frame(kData, kEndStream, stream, Message(request.SerializeAsString()));
    }
    attackers.back()->Send(octets);
  }
  // Each process would have answers of 25 MB wait for it.
  EXPECT_TRUE(WaitFor([&] { return server_->refused_count() == 20; }));
  EXPECT_TRUE(Echoes(*honest_));
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(memory.Growth(), 128u << 20);
#endif
}

TEST_P(ServerAttackTest, S9AClientThatNeverReadsAStreamCostsLittle) {
  if (GetParam() == ServerKind::kUnary) GTEST_SKIP() << "it has no streams";
  const PeakMemory memory;
  std::vector<std::unique_ptr<RawClient>> attackers;
  EchoRequest request;
  request.set_want_octets(100'000);
  request.set_count(1'000'000);
  for (int i = 0; i < 10; ++i) {
    attackers.push_back(std::make_unique<RawClient>(path_));
    // The largest windows there are, and eight streams without an end.
    std::string octets = Hello() + Frame(kSettings, 0, 0, std::string("\0\x4\x7f\xff\xff\xff", 6)) +
                         Frame(kWindowUpdate, 0, 0, std::string("\x7f\xff\0\0", 4));
    for (uint32_t stream = 1; stream < 16; stream += 2) {
      octets += Frame(kHeaders, kEndHeaders, stream, RequestHeaders(kStream)) +
                Frame(kData, kEndStream, stream, Message(request.SerializeAsString()));
    }
    ASSERT_TRUE(attackers.back()->Send(octets));
  }
  ASSERT_TRUE(WaitFor([&] { return service_.running == 80; }));
  EXPECT_TRUE(Echoes(*honest_));
  EXPECT_LT(memory.Growth(), 96u << 20);
  attackers.clear();
  EXPECT_TRUE(WaitFor([&] { return service_.running == 0 && server_->connection_count() == 1; }));
}

TEST_P(ServerAttackTest, S9SurvivesOctetsWithoutMeaning) {
  std::mt19937 random(42);
  const std::string good = Frame(kHeaders, kEndHeaders, 1, RequestHeaders(kUnary)) +
                           Frame(kData, kEndStream, 1, Message("")) + Frame(kPing, 0, 0, "12345678");
  for (int i = 0; i < 500; ++i) {
    RawClient client(path_);
    std::string octets = Hello();
    if (i % 2 == 0) {
      for (int n = 0; n < 300; ++n) octets.push_back(static_cast<char>(random()));
    } else {
      std::string altered = good;
      altered[random() % altered.size()] ^= static_cast<char>(1 + random() % 255);
      octets += altered;
    }
    client.Send(octets);
  }
  EXPECT_TRUE(WaitFor([&] { return server_->connection_count() == 1; }));
}

TEST_P(ServerAttackTest, AnIdleClientCostsLittle) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's own memory is several times as much";
#endif
  // What a first client needs once.
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto connect = [&] {
    clients.push_back(std::make_unique<RawClient>(path_));
    ASSERT_TRUE(clients.back()->Send(Hello() + Frame(kSettings, kAck, 0) +
                                     Frame(kHeaders, kEndHeaders, 1, RequestHeaders(kUnary)) +
                                     Frame(kData, kEndStream, 1, Message(""))));
    ASSERT_TRUE(clients.back()->ReadUntil(kTrailers));
  };
  server_->Shutdown(milliseconds(0));
  ASSERT_NO_FATAL_FAILURE(Start({.name = "test", .limits = {.connections_per_process = 1000}}));
  honest_ = Connect();
  for (int i = 0; i < 50; ++i) ASSERT_NO_FATAL_FAILURE(connect());
  const size_t before = ResidentOctets();
  constexpr int kClients = 300;
  for (int i = 0; i < kClients; ++i) ASSERT_NO_FATAL_FAILURE(connect());
  const size_t each = (ResidentOctets() - before) / kClients;
  std::printf("memory of an idle client: %zu octets\n", each);
  EXPECT_LT(each, 60'000u);
  EXPECT_EQ(server_->refused_count(), 0u);
}

}  // namespace
}  // namespace ddskey
