#include "daemon/custodian/file_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::TestCa;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Numbered is a list of `ca` with a CRL number, one octet in hexadecimal, that begins `age` ago.
std::string Numbered(const TestCa& ca, const std::string& number, absl::Duration age = absl::Hours(1)) {
  // Of one moment, so that lists differ in nothing but what is said.
  static const absl::Time now = absl::Now();
  const absl::Time begin = now - age;
  return ca.Crl({}, begin, begin + absl::Hours(48), {{"2.5.29.20", "DER:0201" + number}});
}

class FileListsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(keys_, KeyStore::Open(dir_.File("keystore.db")));
    ASSERT_OK_AND_ASSIGN(backend_, keys_->RegisterBackend("software", "software"));
    AddIdentity("talker", ca_.certificate());
    Open({{"/lists/a.crl", {}}});
  }

  void AddIdentity(const std::string& name, const std::string& anchors) {
    KeyGeneration generation;
    generation.backend_uuid = backend_;
    ASSERT_OK(keys_->CreateIdentity(*KeyName::Parse(name), generation));
    ASSERT_OK_AND_ASSIGN(const auto identity, keys_->Find(*KeyName::Parse(name)));
    IdentityTrust trust = identity->trust;
    trust.anchors = anchors;
    ASSERT_OK(keys_->SetTrust(identity->name, identity, trust));
  }

  // Open starts anew with what the keystore remembers.
  void Open(const std::vector<ListFile>& files) {
    ASSERT_OK_AND_ASSIGN(lists_, FileLists::Open(files, *keys_, [this] { return now_; }));
  }

  // NumbersFor are the numbers of the lists for a key with the anchors `of`.
  std::vector<std::string> NumbersFor(const std::string& name, const std::vector<TestCa>& of,
                                      const std::string& own = "") const {
    std::string anchors;
    for (const TestCa& ca : of) anchors += ca.certificate();
    std::vector<RevocationList> stored;
    if (!own.empty()) stored = *RevocationList::ParsePem(own);
    std::vector<std::string> numbers;
    for (const auto& list : lists_->in_force()->For(name, *Certificate::ParsePem(anchors), stored)) {
      numbers.push_back(list.number());
    }
    return numbers;
  }

  std::vector<std::string> Numbers() const { return NumbersFor("talker", {ca_}); }

  const test::TempDir dir_;
  const TestCa ca_ = TestCa::Root("identity CA");
  std::string backend_;
  absl::Time now_ = absl::Now();
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<FileLists> lists_;
};

TEST_F(FileListsTest, TakesAListAndTheNewerOnesAfterIt) {
  EXPECT_THAT(Numbers(), IsEmpty());
  EXPECT_EQ(lists_->states()[0].problem, "not read yet");
  const auto first = lists_->Take(0, Numbered(ca_, "01"));
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.problem, "");
  EXPECT_THAT(Numbers(), ElementsAre("1"));
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "02")).changed);
  EXPECT_THAT(Numbers(), ElementsAre("2"));
  EXPECT_EQ(lists_->states()[0].problem, "");
}

TEST_F(FileListsTest, TheSameListAgainIsNoChange) {
  const std::string list = Numbered(ca_, "01");
  EXPECT_TRUE(lists_->Take(0, list).changed);
  const auto before = lists_->in_force();
  const auto again = lists_->Take(0, list);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.problem, "");
}

TEST_F(FileListsTest, S8AnOlderListIsNotUsedAlsoAfterARestart) {
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "05")).changed);
  for (int restart = 0; restart < 2; ++restart) {
    const auto lower = lists_->Take(0, Numbered(ca_, "04"));
    EXPECT_FALSE(lower.changed);
    EXPECT_THAT(lower.problem, HasSubstr("lower than 0x5"));
    EXPECT_THAT(lists_->Take(0, Numbered(ca_, "05", absl::Hours(2))).problem, HasSubstr("older (thisUpdate)"));
    EXPECT_THAT(lists_->Take(0, ca_.Crl({})).problem, HasSubstr("has no number"));
    EXPECT_THAT(lists_->states()[0].problem, HasSubstr("has no number"));
    EXPECT_THAT(Numbers(), ElementsAre("5"));
    Open({{"/lists/a.crl", {}}});
    EXPECT_THAT(Numbers(), ElementsAre("5")) << "in force before the file is read";
  }
}

TEST_F(FileListsTest, WhatCannotBeReadOrParsedLeavesTheLastGoodListInForce) {
  const std::string good = Numbered(ca_, "01");
  EXPECT_TRUE(lists_->Take(0, good).changed);
  const std::string half = good.substr(0, good.size() / 2);
  for (const std::string& bad : {std::string(), half, std::string("x"), ca_.certificate(), test::MalformedPem(good)}) {
    const auto outcome = lists_->Take(0, bad);
    EXPECT_FALSE(outcome.changed);
    EXPECT_NE(outcome.problem, "") << bad;
    EXPECT_THAT(Numbers(), ElementsAre("1"));
  }
  EXPECT_THAT(lists_->Take(0, absl::PermissionDeniedError("others may write it")).problem, "others may write it");
  EXPECT_THAT(lists_->Take(0, absl::NotFoundError("there is none")).problem, "there is none");
  EXPECT_THAT(Numbers(), ElementsAre("1"));
  EXPECT_EQ(lists_->Take(0, good).problem, "") << "and all is well again";
}

TEST_F(FileListsTest, AListWhoseSignatureIsNotOfItsCaIsNotUsed) {
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "01")).changed);
  const auto forged = lists_->Take(0, Numbered(TestCa::Root("identity CA"), "02"));
  EXPECT_FALSE(forged.changed);
  EXPECT_THAT(forged.problem, HasSubstr("does not verify"));
  EXPECT_THAT(Numbers(), ElementsAre("1"));
}

TEST_F(FileListsTest, ACaOfTheSameNameHasListsOfItsOwn) {
  const TestCa other = TestCa::Root("identity CA");
  AddIdentity("other", other.certificate());
  Open({{"/lists/a.crl", {"talker"}}, {"/lists/b.crl", {}}});
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "01")).changed);
  EXPECT_TRUE(lists_->Take(1, Numbered(other, "02")).changed);
  EXPECT_THAT(Numbers(), ElementsAre("1")) << "the other list is not of its CA";
  EXPECT_THAT(NumbersFor("other", {other}), ElementsAre("2"));
}

TEST_F(FileListsTest, AListOfAnIntermediateIsTakenBeforeItsCertificateIsKnown) {
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_.Intermediate("intermediate"), "01")).changed);
  EXPECT_THAT(Numbers(), ElementsAre("1"));
}

TEST_F(FileListsTest, AListFromTheFutureIsUsedWhenItsTimeHasCome) {
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "01")).changed);
  const std::string early = Numbered(ca_, "02", -absl::Hours(1));
  const auto outcome = lists_->Take(0, early);
  EXPECT_FALSE(outcome.changed);
  EXPECT_THAT(outcome.problem, HasSubstr("not valid before"));
  EXPECT_LT(outcome.again, now_ + absl::Hours(1));
  EXPECT_GT(outcome.again, now_ + absl::Minutes(50));
  EXPECT_THAT(Numbers(), ElementsAre("1"));
  now_ = outcome.again;
  EXPECT_TRUE(lists_->Take(0, early).changed);
  EXPECT_THAT(Numbers(), ElementsAre("2"));
}

TEST_F(FileListsTest, AListThatDisappearsFromAFileStaysInForce) {
  const TestCa second = TestCa::Root("second CA");
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "01") + Numbered(second, "02")).changed);
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "03")).changed);
  EXPECT_THAT(Numbers(), ElementsAre("3", "2"));
}

TEST_F(FileListsTest, OfSeveralListsInAFileTheGoodOnesAreUsed) {
  const TestCa second = TestCa::Root("second CA");
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "05") + Numbered(second, "05")).changed);
  const auto outcome = lists_->Take(0, Numbered(ca_, "04") + Numbered(second, "06"));
  EXPECT_TRUE(outcome.changed);
  EXPECT_THAT(outcome.problem, AllOf(HasSubstr("identity CA"), HasSubstr("lower")));
  EXPECT_THAT(Numbers(), ElementsAre("5", "6"));
}

TEST_F(FileListsTest, ListsApplyToTheKeysThatAPatternNames) {
  Open({{"/lists/a.crl", {"robot-*", "talker"}}});
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "01")).changed);
  EXPECT_THAT(NumbersFor("talker", {ca_}), ElementsAre("1"));
  EXPECT_THAT(NumbersFor("robot-7", {ca_}), ElementsAre("1"));
  EXPECT_THAT(NumbersFor("listener", {ca_}), IsEmpty());
}

TEST_F(FileListsTest, OfTheStoreAndAllFilesTheNewerOfAnIssuerWins) {
  Open({{"/lists/a.crl", {}}, {"/lists/b.crl", {}}});
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "03")).changed);
  EXPECT_TRUE(lists_->Take(1, Numbered(ca_, "02")).changed);
  EXPECT_THAT(Numbers(), ElementsAre("3"));
  EXPECT_THAT(NumbersFor("talker", {ca_}, Numbered(ca_, "01")), ElementsAre("3"));
  EXPECT_THAT(NumbersFor("talker", {ca_}, Numbered(ca_, "04")), ElementsAre("4"));
  const TestCa other = TestCa::Root("other CA");
  EXPECT_THAT(NumbersFor("talker", {ca_, other}, Numbered(other, "01")), ElementsAre("1", "3"));
}

TEST_F(FileListsTest, AFileThatIsNotConfiguredAnyMoreIsForgotten) {
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "05")).changed);
  Open({});
  EXPECT_THAT(Numbers(), IsEmpty());
  Open({{"/lists/a.crl", {}}});
  EXPECT_TRUE(lists_->Take(0, Numbered(ca_, "01")).changed) << "the way to go back to an older list";
}

TEST_F(FileListsTest, S17KeepsNoMoreThan64ListsOfAFile) {
  std::string lists;
  for (int i = 0; i < 40; ++i) lists += TestCa::Root("CA " + std::to_string(i)).Crl({});
  EXPECT_EQ(lists_->Take(0, lists).problem, "");
  lists.clear();
  for (int i = 40; i < 65; ++i) lists += TestCa::Root("CA " + std::to_string(i)).Crl({});
  EXPECT_THAT(lists_->Take(0, lists).problem, HasSubstr("more than 64"));
  EXPECT_EQ(lists_->states()[0].lists.size(), 64U);
}

}  // namespace
}  // namespace ddskey
