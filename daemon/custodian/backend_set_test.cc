#include "daemon/custodian/backend_set.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

// Device is a backend of which only the recognition of keys matters; it does not know what it was not told.
class Device final : public KeyBackend {
 public:
  explicit Device(std::map<std::string, Recognition> keys, Recognition others = Recognition::kForeign)
      : keys_(std::move(keys)), others_(others) {}

  WorkId SubmitCreate(KeyAlgorithm, KeyPurpose, WorkOptions, CreateDone) override { return 0; }
  WorkId SubmitSign(SealedKey, SignatureScheme, std::string, WorkOptions, SignDone) override { return 0; }
  void Cancel(WorkId) override {}
  Recognition Recognize(std::string_view blob) const override {
    const auto found = keys_.find(std::string(blob));
    return found == keys_.end() ? others_ : found->second;
  }
  std::string kind() const override { return "fake"; }
  std::vector<KeyAlgorithm> algorithms() const override { return {}; }
  std::string protection() const override { return ""; }
  BackendHealth Health() const override { return {}; }

 private:
  const std::map<std::string, Recognition> keys_;
  const Recognition others_;
};

class BackendSetTest : public testing::Test {
 protected:
  // Add configures a backend named `name`, whose keystore uuid is "u-" and the name.
  void Add(const std::string& name, std::map<std::string, Recognition> keys,
           Recognition others = Recognition::kForeign) {
    entries_.push_back({name, "u-" + name, std::make_unique<Device>(std::move(keys), others)});
  }
  // HolderOf is the name of the backend of a key, or the message.
  std::string HolderOf(const std::string& uuid, const std::string& blob) {
    if (set_ == nullptr) set_ = std::make_unique<BackendSet>(std::move(entries_));
    const auto entry = set_->FindForKey(uuid, blob);
    return entry.ok() ? (*entry)->name : std::string(entry.status().message());
  }

  static constexpr Recognition kOwn = Recognition::kOwn;
  static constexpr Recognition kUnknown = Recognition::kUnknown;

  std::vector<BackendSet::Entry> entries_;
  std::unique_ptr<BackendSet> set_;
};

TEST_F(BackendSetTest, FindsAKeyByItsDeviceUnderAnyName) {
  Add("new", {{"key", kOwn}});
  Add("other", {});
  EXPECT_EQ(HolderOf("u-old", "key"), "new");
  EXPECT_TRUE(set_->Holds("u-old", "key"));
}

TEST_F(BackendSetTest, FindsKeysOfTwoBackendsThatExchangedTheirNames) {
  Add("a", {{"key of b", kOwn}});
  Add("b", {{"key of a", kOwn}});
  EXPECT_EQ(HolderOf("u-a", "key of a"), "b");
  EXPECT_EQ(HolderOf("u-b", "key of b"), "a");
}

TEST_F(BackendSetTest, PrefersTheNameUnderWhichAKeyWasMadeWhenOneDeviceIsThereTwice) {
  Add("a", {{"key", kOwn}});
  Add("b", {{"key", kOwn}});
  EXPECT_EQ(HolderOf("u-a", "key"), "a");
  EXPECT_EQ(HolderOf("u-b", "key"), "b");
  EXPECT_EQ(HolderOf("u-gone", "key"), "a") << "either does";
}

TEST_F(BackendSetTest, WorkForADeviceThatWasNotReachedWaitsInItsQueue) {
  Add("a", {}, kUnknown);
  Add("b", {}, kUnknown);
  EXPECT_EQ(HolderOf("u-a", "key"), "a");
  EXPECT_EQ(HolderOf("u-b", "key"), "b");
  EXPECT_TRUE(set_->Holds("u-b", "key"));
}

TEST_F(BackendSetTest, ADeviceThatRecognisesAKeyGoesBeforeOneThatMay) {
  Add("a", {}, kUnknown);
  Add("b", {{"key", kOwn}});
  EXPECT_EQ(HolderOf("u-a", "key"), "b");
}

TEST_F(BackendSetTest, TheOnlyDeviceThatMayHoldAKeyIsAsked) {
  Add("a", {});
  Add("b", {}, kUnknown);
  EXPECT_EQ(HolderOf("u-gone", "key"), "b");
  EXPECT_EQ(HolderOf("u-a", "key"), "b");
}

TEST_F(BackendSetTest, SaysWhichBackendsAKeyMayBelongTo) {
  Add("a", {}, kUnknown);
  Add("b", {}, kUnknown);
  EXPECT_THAT(HolderOf("u-gone", "key"), HasSubstr("not reached yet: a, b"));
  EXPECT_THAT(set_->FindForKey("u-gone", "key").status(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(set_->Holds("u-gone", "key")) << "nobody knows yet";
}

TEST_F(BackendSetTest, LeavesItToTheDeviceToSayThatAKeyIsNotItsOwn) {
  Add("a", {});
  Add("b", {});
  EXPECT_EQ(HolderOf("u-b", "key"), "b");
  EXPECT_FALSE(set_->Holds("u-b", "key"));
}

TEST_F(BackendSetTest, SaysThatABackendIsNotConfiguredAnyMore) {
  Add("a", {});
  EXPECT_THAT(HolderOf("u-gone", "key"), HasSubstr("not configured any more"));
  EXPECT_FALSE(set_->Holds("u-gone", "key"));
}

}  // namespace
}  // namespace ddskey
