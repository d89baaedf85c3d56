#include "client/setup/service_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::setup {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

TEST(ServiceManagerTest, ReadsTheUserOfAUnit) {
  EXPECT_THAT(UserIn("DynamicUser=no\nUser=robot\nLoadState=loaded\n", "talker.service"), IsOkAndHolds("robot"));
}

TEST(ServiceManagerTest, RefusesAUnitWithoutAUserOfItsOwn) {
  EXPECT_THAT(UserIn("DynamicUser=no\nUser=\nLoadState=loaded\n", "talker.service").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("talker.service has no User=")));
  EXPECT_THAT(UserIn("DynamicUser=yes\nUser=talker\nLoadState=loaded\n", "talker.service").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("DynamicUser=yes")));
}

TEST(ServiceManagerTest, RefusesAUnitThatIsNotThere) {
  EXPECT_THAT(UserIn("DynamicUser=no\nUser=\nLoadState=not-found\n", "talker.service").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no unit talker.service (not-found)")));
}

TEST(ServiceManagerTest, SaysWhatToDoWhereThereIsNone) {
  const test::TempDir dir;
  NoServiceManager none(dir.File("admin.sock"));
  EXPECT_THAT(none.Restart(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("start ddskeyd")));
  EXPECT_THAT(none.Reload(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("kill -HUP")));
  EXPECT_THAT(none.UserOf("talker.service").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--identity NAME=USER")));
}

}  // namespace
}  // namespace ddskey::setup
