#include "daemon/backend/tpm2/tcti_name.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::IsOkAndHolds;
using test::StatusIs;

TEST(TctiNameTest, NamesTheLibraryInFull) {
  EXPECT_THAT(LoaderString("device:/dev/tpmrm0"), IsOkAndHolds("libtss2-tcti-device.so.0:/dev/tpmrm0"));
  EXPECT_THAT(LoaderString("tabrmd"), IsOkAndHolds("libtss2-tcti-tabrmd.so.0"));
  EXPECT_THAT(LoaderString("tabrmd:"), IsOkAndHolds("libtss2-tcti-tabrmd.so.0:"));
  EXPECT_THAT(LoaderString("swtpm:path=/a:b"), IsOkAndHolds("libtss2-tcti-swtpm.so.0:path=/a:b"));
  EXPECT_THAT(LoaderString("mssim:host=localhost,port=2321"),
              IsOkAndHolds("libtss2-tcti-mssim.so.0:host=localhost,port=2321"));
}

TEST(TctiNameTest, S13RefusesEveryNameThatIsNotOnTheList) {
  for (const char* tcti : {"", ":", "cmd:sh -c id", "pcap:device", "libtpms:/tmp/x", "fuzzing", "spi", "tbs",
                           "Device:x", "device ", " device", "/tmp/evil.so", "./evil.so:x", "libtss2-tcti-cmd.so.0:id",
                           "libtss2-tcti-device.so.0:/dev/tpm0", "device,cmd:x", "../swtpm:x"}) {
    EXPECT_THAT(LoaderString(tcti), StatusIs(absl::StatusCode::kInvalidArgument)) << tcti;
  }
}

TEST(TctiNameTest, S13RefusesWhatNoConfigurationNeeds) {
  EXPECT_THAT(LoaderString("device:/dev/tpm0\n"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(LoaderString(std::string("device:/dev/tpm0\0x", 18)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(LoaderString("swtpm:path=" + std::string(300, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ddskey::tpm
