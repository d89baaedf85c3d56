#include "daemon/rpc/wire_status.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"

namespace ddskey {
namespace {

TEST(WireStatusTest, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToWire(absl::OkStatus()).ok());
  const grpc::Status status = ToWire(absl::PermissionDeniedError("you may not use a key named \"talker\""));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(status.error_message(), "you may not use a key named \"talker\"");
}

TEST(WireStatusTest, HasTheSameNumbersForEveryCode) {
  for (int code = 1; code <= 16; ++code) {
    EXPECT_EQ(ToWire(absl::Status(static_cast<absl::StatusCode>(code), "x")).error_code(), code);
  }
}

TEST(WireStatusTest, NeverSendsPayloads) {
  absl::Status status = absl::UnavailableError("the device is away");
  status.SetPayload("tss", absl::Cord("0x902"));
  const grpc::Status wire = ToWire(status);
  EXPECT_EQ(wire.error_details(), "");
  EXPECT_EQ(wire.error_message(), "the device is away");
}

TEST(WireStatusTest, KeepsTheDaemonsOwnFaultsToItself) {
  for (const absl::Status& status :
       {absl::InternalError("sqlite: /var/lib/ddskeyd/keys.db is locked"), absl::UnknownError("secret")}) {
    EXPECT_EQ(ToWire(status).error_message(), "internal error of ddskeyd; its log says more");
  }
}

TEST(WireStatusTest, S16EscapesWhatCouldAlterALogOrATerminal) {
  EXPECT_EQ(ToWire(absl::InvalidArgumentError("a\nb\x1b[2J\xc3\xa4")).error_message(), "a\\x0ab\\x1b[2J\\xc3\\xa4");
}

TEST(WireStatusTest, BoundsTheMessage) {
  const std::string most(509, 'x');
  EXPECT_EQ(ToWire(absl::InvalidArgumentError(most)).error_message(), most);
  EXPECT_EQ(ToWire(absl::InvalidArgumentError(most + "yz")).error_message(), most + "...");
  EXPECT_LE(ToWire(absl::InvalidArgumentError(std::string(100'000, '\n'))).error_message().size(), 512u);
}

}  // namespace
}  // namespace ddskey
