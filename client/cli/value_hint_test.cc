#include "client/cli/value_hint.h"

#include <gtest/gtest.h>

namespace ddskey::cli {
namespace {

TEST(ValueHintTest, TellsByTheWordWhatAShellCanOffer) {
  EXPECT_EQ(NameOf(HintOf("FILE")), "file");
  EXPECT_EQ(NameOf(HintOf("FILE|none")), "file");
  EXPECT_EQ(NameOf(HintOf("FOLDER")), "folder");
  EXPECT_EQ(NameOf(HintOf("NAME")), "key");
  EXPECT_EQ(NameOf(HintOf("BACKEND")), "backend");
  EXPECT_EQ(NameOf(HintOf("USER")), "user");
  EXPECT_EQ(NameOf(HintOf("COMMAND...")), "program");
  EXPECT_EQ(NameOf(HintOf("keep|strip")), "keep strip");
  EXPECT_EQ(NameOf(HintOf("PURPOSE")), "handshake digest");
}

TEST(ValueHintTest, OffersNothingWhereItDoesNotKnow) {
  EXPECT_EQ(NameOf(HintOf("SUBJECT")), "nothing");
  EXPECT_EQ(NameOf(HintOf("FILES")), "nothing");
  EXPECT_EQ(NameOf(HintOf("")), "nothing");
}

}  // namespace
}  // namespace ddskey::cli
