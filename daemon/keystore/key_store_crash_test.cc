// kill -9 at any moment: every acknowledged change is there afterwards, and none is there by half.

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <string>

#include "daemon/keystore/key_store.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

constexpr int kRounds = 40;
constexpr size_t kNames = 6;

// Model is what a keystore holds, by name.
struct ModelIdentity {
  bool deleted = false;
  std::string uuid;
  std::string blob;
  std::string chain;
  std::string anchors;
  friend bool operator==(const ModelIdentity&, const ModelIdentity&) = default;
};
using Model = std::map<std::string, ModelIdentity>;

Model ModelOf(const KeyStore& store) {
  Model model;
  for (const auto& identity : store.List()) {
    const KeyGeneration& key = identity->current();
    model[identity->name.text()] = {identity->deleted, key.uuid, key.blob, key.certificate_chain,
                                    identity->trust.anchors};
  }
  return model;
}

// Step is the change number `index` of an endless sequence: which one depends on the number and on what `model` holds.
// With a store it is made there, and the result is whether the store acknowledged it; the model follows.
bool Step(int index, const std::string& backend, Model& model, KeyStore* store) {
  std::mt19937 random(static_cast<unsigned>(index));
  const std::string name = "key" + std::to_string(random() % kNames);
  const KeyName key = *KeyName::Parse(name);
  const auto found = model.find(name);
  if (found == model.end()) {
    KeyGeneration generation;
    generation.uuid = "uuid-" + std::to_string(index);
    generation.backend_uuid = backend;
    // From one page to many, so that changes take differently long.
    generation.blob = std::to_string(index) + std::string(random() % 40'000, 'b');
    model[name] = {false, generation.uuid, generation.blob, "", ""};
    return store == nullptr || store->CreateIdentity(key, generation).ok();
  }
  if (found->second.deleted || random() % 8 == 0) {
    model.erase(found);
    return store == nullptr || store->PurgeIdentity(key).ok();
  }
  if (random() % 4 == 0) {
    found->second.deleted = true;
    return store == nullptr || store->DeleteIdentity(key).ok();
  }
  found->second.chain = std::to_string(index) + std::string(random() % 9'000, 'c');
  found->second.anchors = std::to_string(index) + std::string(random() % 9'000, 'a');
  return store == nullptr ||
         store->InstallCertificate(key, found->second.uuid, found->second.chain, found->second.anchors).ok();
}

// Work makes changes from number `first` on and writes an octet for each that was acknowledged, until it is killed.
[[noreturn]] void Work(const std::string& path, int first, int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto store = KeyStore::Open(path);
  if (!store.ok()) _exit(1);
  const auto backend = (*store)->RegisterBackend("software", "software");
  if (!backend.ok()) _exit(2);
  Model model = ModelOf(**store);
  for (int index = first;; ++index) {
    if (!Step(index, *backend, model, store->get())) _exit(3);
    if (write(report, "+", 1) != 1) _exit(4);
  }
}

// SpinFor passes a time that is too short to sleep.
void SpinFor(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// WorkUntilKilled lets a child work, kills it somewhere in the middle of a change, and returns how many changes it had
// acknowledged.
int WorkUntilKilled(const std::string& path, int first, std::mt19937& random) {
  int pipe_ends[2] = {};
  EXPECT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) Work(path, first, pipe_ends[1]);
  close(pipe_ends[1]);
  const int enough = static_cast<int>(random() % 12);
  int acknowledged = 0;
  char octet = 0;
  while (acknowledged < enough && read(pipe_ends[0], &octet, 1) == 1) ++acknowledged;
  SpinFor(std::chrono::microseconds(random() % 4000));
  kill(child, SIGKILL);
  while (read(pipe_ends[0], &octet, 1) == 1) ++acknowledged;
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child gave up with status " << WEXITSTATUS(status);
  return acknowledged;
}

TEST(KeyStoreCrashTest, EveryAcknowledgedChangeSurvivesKillAndNoneIsHalfMade) {
  const test::TempDir dir;
  const std::string path = dir.File("keystore.db");
  std::mt19937 random(std::random_device{}());
  Model expected;
  int next = 0;
  int unacknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    const int acknowledged = WorkUntilKilled(path, next, random);
    for (int i = 0; i < acknowledged; ++i) Step(next++, "", expected, nullptr);
    Model one_more = expected;
    Step(next, "", one_more, nullptr);
    ASSERT_OK_AND_ASSIGN(const auto store, KeyStore::Open(path));
    const Model actual = ModelOf(*store);
    if (actual != expected) {
      // The change that was under way was complete, only its acknowledgement was not.
      ASSERT_EQ(actual, one_more) << "round " << round << ", change " << next;
      expected = one_more;
      ++next;
      ++unacknowledged;
    }
  }
  EXPECT_GT(next, kRounds);
  EXPECT_LT(unacknowledged, kRounds);
}

}  // namespace
}  // namespace ddskey
