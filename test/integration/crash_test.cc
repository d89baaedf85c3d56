// kill -9 of the whole daemon at random moments while administrators make, certify, renew and delete identities: what
// was acknowledged is there afterwards, and nothing is half-done. DDSKEY_KILLS in the environment says how often.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "client/socket_admin_client.h"
#include "daemon/trust/certificate.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

constexpr int kKills = 25;
constexpr int kWorkers = 3;
constexpr int kNamesEach = 3;
constexpr size_t kMostGenerations = 6;
// Stands for what only the daemon knows.
constexpr char kAny[] = "*";

struct Generation {
  std::string state;
  std::string key;
  std::string certificate;
  // Rises with each replacement.
  int64_t replaced = 0;
};

// Known is what an administrator knows of an identity; nothing if there is none.
struct Known {
  std::string state = "active";
  std::vector<Generation> generations;

  Generation* In(const std::string& wanted) {
    for (Generation& generation : generations) {
      if (generation.state == wanted) return &generation;
    }
    return nullptr;
  }
};
using State = std::optional<Known>;

State StateOf(const v1::Key& key) {
  Known known;
  known.state = key.state();
  for (const v1::KeyGeneration& generation : key.generations()) {
    known.generations.push_back(
        {generation.state(), generation.public_key_sha256(), generation.certificate().sha256()});
  }
  return known;
}

bool Fits(const State& expected, const State& actual) {
  if (!expected.has_value() || !actual.has_value()) return expected.has_value() == actual.has_value();
  if (expected->state != actual->state || expected->generations.size() != actual->generations.size()) return false;
  for (size_t i = 0; i < expected->generations.size(); ++i) {
    const Generation& left = expected->generations[i];
    const Generation& right = actual->generations[i];
    if (left.state != right.state || left.certificate != right.certificate) return false;
    if (left.key != kAny && left.key != right.key) return false;
  }
  return true;
}

std::string Text(const State& state) {
  if (!state.has_value()) return "none";
  std::string text = state->state;
  for (const Generation& generation : state->generations) {
    text +=
        " [" + generation.state + " " + generation.key.substr(0, 6) + " " + generation.certificate.substr(0, 6) + "]";
  }
  return text;
}

// Worker is an administrator with names of its own.
class Worker {
 public:
  Worker(int number, const std::string& socket, const test::TestCa& ca)
      : client_(socket), ca_(ca), random_(std::random_device{}()) {
    for (int i = 0; i < kNamesEach; ++i) known_["w" + std::to_string(number) + "-" + std::to_string(i)] = std::nullopt;
  }

  // Work makes changes until `stop`.
  void Work(const std::atomic<bool>& stop) {
    while (!stop && !::testing::Test::HasFailure()) Step();
  }

  // CheckAll holds every name to what is known of it.
  void CheckAll() {
    for (const auto& [name, known] : known_) {
      const State actual = Ask(name);
      EXPECT_TRUE(Fits(known, actual)) << name << " is " << Text(actual) << ", not " << Text(known);
    }
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, known] : known_) {
      if (known.has_value()) names.push_back(name);
    }
    return names;
  }

  std::atomic<int> acknowledged = 0;
  std::atomic<int> cut_off = 0;
  std::atomic<int> cut_off_but_done = 0;

 private:
  using Call = std::function<absl::Status()>;

  State Ask(const std::string& name) {
    v1::GetKeyRequest request;
    request.set_name(name);
    State state;
    const bool answered = test::WaitFor([&] {
      const auto response = client_.GetKey(request);
      if (response.ok()) state = StateOf(response->key());
      return response.ok() || absl::IsNotFound(response.status());
    });
    EXPECT_TRUE(answered);
    return state;
  }

  // Make makes a change; `after` is what it leads to.
  void Make(const std::string& name, const State& after, const Call& call) {
    const State before = known_[name];
    const absl::Status status = call();
    const State actual = Ask(name);
    const bool done = Fits(after, actual);
    if (status.ok()) {
      ++acknowledged;
      EXPECT_TRUE(done) << name << " was acknowledged as " << Text(after) << " and is " << Text(actual);
    } else {
      EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) << status;
      EXPECT_TRUE(done || Fits(before, actual))
          << name << " is " << Text(actual) << ", neither " << Text(before) << " nor " << Text(after);
      ++cut_off;
      if (done) ++cut_off_but_done;
    }
    known_[name] = done ? Merge(after, actual) : before;
    if (!status.ok()) CheckAll();
  }

  // Merge is `known` with the keys that were not known of it.
  static State Merge(State known, const State& actual) {
    for (size_t i = 0; known.has_value() && i < known->generations.size(); ++i) {
      known->generations[i].key = actual->generations[i].key;
    }
    return known;
  }

  static std::string DigestOf(const std::string& certificate) {
    return absl::BytesToHexString(Certificate::ParsePem(certificate)->front().digest());
  }

  std::string Issue(const std::string& name, const std::string& state) {
    v1::GetKeyRequest request;
    request.set_name(name);
    v1::Key key;
    test::WaitFor([&] {
      const auto response = client_.GetKey(request);
      if (!response.ok()) return false;
      for (const v1::KeyGeneration& generation : response->key().generations()) {
        if (generation.state() == state) key.set_public_key_pem(generation.public_key_pem());
      }
      return true;
    });
    test::CertificateOptions options;
    options.subject = {{"CN", name}};
    return ca_.Issue(test::TestDaemon::PublicKeyOf(key), options);
  }

  void Step() {
    auto found = known_.begin();
    std::advance(found, random_() % known_.size());
    const std::string name = found->first;
    if (!found->second.has_value()) return Create(name);
    Known known = *found->second;
    const unsigned dice = random_() % 100;
    if (known.state == "deleted") return dice < 50 ? Remove(name, true) : Enable(name, known);
    if (dice < 8 || known.generations.size() >= kMostGenerations) return Remove(name, true);
    if (dice < 16) return Remove(name, false);
    if (known.In("current")->certificate.empty()) return Install(name, known);
    if (known.In("next") != nullptr) return dice < 75 ? Complete(name, known) : Abandon(name, known);
    if (known.In("old") != nullptr && dice < 30) return RollBack(name, known);
    return dice < 45 ? Install(name, known) : Renew(name, known);
  }

  void Create(const std::string& name) {
    Make(name, Known{"active", {{"current", kAny, ""}}}, [&] {
      v1::CreateKeyRequest request;
      request.set_name(name);
      return client_.CreateKey(request).status();
    });
  }

  void Install(const std::string& name, Known known) {
    v1::InstallCertificateRequest request;
    request.set_key_name(name);
    request.set_certificate_chain(Issue(name, "current"));
    request.set_anchors(ca_.certificate());
    known.In("current")->certificate = DigestOf(request.certificate_chain());
    Make(name, known, [&] { return client_.InstallCertificate(request).status(); });
  }

  void Renew(const std::string& name, Known known) {
    known.generations.push_back({"next", kAny, ""});
    Make(name, known, [&] {
      v1::RenewIdentityRequest request;
      request.set_name(name);
      return client_.RenewIdentity(request).status();
    });
  }

  void Complete(const std::string& name, Known known) {
    v1::CompleteRenewalRequest request;
    request.set_name(name);
    request.set_certificate_chain(Issue(name, "next"));
    Replace(known, *known.In("next"));
    known.In("current")->certificate = DigestOf(request.certificate_chain());
    Make(name, known, [&] { return client_.CompleteRenewal(request).status(); });
  }

  void Abandon(const std::string& name, Known known) {
    std::erase_if(known.generations, [](const Generation& generation) { return generation.state == "next"; });
    Make(name, known, [&] {
      v1::AbandonRenewalRequest request;
      request.set_name(name);
      return client_.AbandonRenewal(request).status();
    });
  }

  void RollBack(const std::string& name, Known known) {
    Generation* last = known.In("old");
    for (Generation& generation : known.generations) {
      if (generation.state == "old" && generation.replaced > last->replaced) last = &generation;
    }
    Replace(known, *last);
    Make(name, known, [&] {
      v1::RollBackIdentityRequest request;
      request.set_name(name);
      return client_.RollBackIdentity(request).status();
    });
  }

  // Replace makes `next` current in the place of the one that is.
  void Replace(Known& known, Generation& next) {
    Generation& before = *known.In("current");
    before.state = "old";
    before.replaced = ++replacements_;
    next.state = "current";
  }

  void Remove(const std::string& name, bool purge) {
    State after = known_[name];
    if (purge) {
      after.reset();
    } else {
      after->state = "deleted";
    }
    Make(name, after, [&] {
      v1::DeleteKeyRequest request;
      request.set_name(name);
      request.set_purge(purge);
      return client_.DeleteKey(request).status();
    });
  }

  void Enable(const std::string& name, Known known) {
    known.state = "active";
    Make(name, known, [&] {
      v1::SetIdentityStateRequest request;
      request.set_name(name);
      request.set_state(v1::IDENTITY_STATE_ENABLED);
      return client_.SetIdentityState(request).status();
    });
  }

  SocketAdminClient client_;
  const test::TestCa& ca_;
  std::mt19937 random_;
  int64_t replacements_ = 0;
  std::map<std::string, State> known_;
};

// EveryKeyWorks has each key sign something, and reads all of the keystore.
void EveryKeyWorks(test::TestDaemon& daemon, const std::vector<std::string>& names) {
  EXPECT_OK(daemon.admin().CheckStore({}));
  for (const std::string& name : names) {
    v1::CheckIdentityRequest request;
    request.set_name(name);
    ASSERT_OK_AND_ASSIGN(const auto response, daemon.admin().CheckIdentity(request));
    for (const v1::KeyCheck& check : response.checks()) EXPECT_TRUE(check.good()) << name << ": " << check.problem();
  }
}

TEST(CrashTest, KilledAtAnyMomentLosesNothingAcknowledgedAndLeavesNothingHalfDone) {
  const char* const asked = std::getenv("DDSKEY_KILLS");
  const int kills = asked == nullptr ? kKills : std::atoi(asked);
  const test::TestCa ca = test::TestCa::Root("identity CA");
  test::TestDaemon daemon;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kWorkers; ++i) workers.push_back(std::make_unique<Worker>(i, daemon.admin_socket(), ca));
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&stop, &worker] { worker->Work(stop); });
  const auto acknowledged = [&] {
    int sum = 0;
    for (const auto& worker : workers) sum += worker->acknowledged;
    return sum;
  };
  std::mt19937 random(std::random_device{}());
  int killed = 0;
  for (; killed < kills && !::testing::Test::HasFailure(); ++killed) {
    // Some changes, and then a part of one more.
    const int enough = acknowledged() + static_cast<int>(random() % 5);
    test::WaitFor([&] { return acknowledged() >= enough || ::testing::Test::HasFailure(); });
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 20'000);
    while (std::chrono::steady_clock::now() < moment) {
    }
    daemon.Kill();
    daemon.Start();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  int cut_off = 0;
  int done = 0;
  for (const auto& worker : workers) {
    worker->CheckAll();
    EveryKeyWorks(daemon, worker->Names());
    cut_off += worker->cut_off;
    done += worker->cut_off_but_done;
  }
  EXPECT_EQ(killed, kills);
  EXPECT_GT(acknowledged(), kills);
  std::printf(
      "%d kills; %d changes acknowledged, all found; %d cut off, of which %d were done whole and %d not at all\n",
      killed, acknowledged(), cut_off, done, cut_off - done);
}

}  // namespace
}  // namespace ddskey
