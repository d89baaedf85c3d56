// Each cell of docs/interoperability.md, with real applications.
#include "test/interop/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "test/support/temp_dir.h"

namespace ddskey::interop {
namespace {

using ::testing::HasSubstr;

class MatrixTest : public ::testing::TestWithParam<Meeting> {};

TEST_P(MatrixTest, ComesOutAsDocumented) { EXPECT_EQ(Hold(GetParam()), GetParam().outcome); }

std::string TestNameOf(const ::testing::TestParamInfo<Meeting>& info) {
  std::string name = NameOf(info.param.initiator) + "Meets" + NameOf(info.param.replier) +
                     (info.param.keys == test::TestKeyType::kRsa2048 ? "Rsa" : "Ec");
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Meetings, MatrixTest, ::testing::ValuesIn(Meetings()), &TestNameOf);

TEST(MatrixTableTest, IsInTheDocument) {
  std::vector<std::string> outcomes;
  for (const Meeting& meeting : Meetings()) outcomes.push_back(meeting.outcome);
  EXPECT_THAT(test::ReadFile("docs/interoperability.md"), HasSubstr(Table(outcomes)));
}

}  // namespace
}  // namespace ddskey::interop
