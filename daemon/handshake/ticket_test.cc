#include "daemon/handshake/ticket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "daemon/handshake/root_storage.h"
#include "daemon/handshake/ticket_roots.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;

const TicketBinding kBinding = {"caller", "participant"};
constexpr absl::StatusCode kRefused = absl::StatusCode::kFailedPrecondition;

class TicketTest : public ::testing::Test {
 protected:
  TicketTest() { Restart(); }

  void Restart(const std::string& boot = "boot") {
    auto roots =
        TicketRoots::Open(std::make_unique<FileRootStorage>(dir_.File("roots")), boot, [this] { return now_; });
    ASSERT_OK(roots.status());
    roots_ = *std::move(roots);
    sealer_ = std::make_unique<TicketSealer>(*roots_, "instance");
  }

  std::string Sealed(TicketKind kind, const TicketBinding& binding = kBinding) {
    auto secret = SecretBytes::Allocate(32);
    std::ranges::fill(secret->Reveal(SecretAccess()), uint8_t{0x5a});
    return *sealer_->Seal(kind, binding, "body", &*secret);
  }

  test::TempDir dir_;
  absl::Duration now_ = absl::Hours(1);
  std::unique_ptr<TicketRoots> roots_;
  std::unique_ptr<TicketSealer> sealer_;
};

TEST_F(TicketTest, OpensWhatItSealed) {
  ASSERT_OK_AND_ASSIGN(const OpenedTicket opened,
                       sealer_->Open(TicketKind::kSignReply, kBinding, Sealed(TicketKind::kSignReply)));
  EXPECT_EQ(opened.body, "body");
  ASSERT_TRUE(opened.secret.has_value());
  EXPECT_EQ(opened.secret->Reveal(SecretAccess())[31], 0x5a);
}

TEST_F(TicketTest, S5SealsBodyAndSecretFromSight) {
  const std::string ticket = Sealed(TicketKind::kSignReply);
  EXPECT_EQ(ticket.find("body"), std::string::npos);
  EXPECT_EQ(ticket.find(std::string(8, 0x5a)), std::string::npos);
}

TEST_F(TicketTest, S5NoTwoTicketsAreAlike) {
  std::set<std::string> tickets;
  for (int i = 0; i < 100; ++i) tickets.insert(Sealed(TicketKind::kSignReply));
  EXPECT_EQ(tickets.size(), 100U);
}

TEST_F(TicketTest, S5RefusesAnyAlteredOctet) {
  const std::string ticket = Sealed(TicketKind::kSignReply);
  for (size_t i = 0; i < ticket.size(); ++i) {
    std::string altered = ticket;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_THAT(sealer_->Open(TicketKind::kSignReply, kBinding, altered), StatusIs(kRefused)) << "octet " << i;
  }
  for (size_t size = 0; size < ticket.size(); ++size) {
    EXPECT_THAT(sealer_->Open(TicketKind::kSignReply, kBinding, ticket.substr(0, size)), StatusIs(kRefused));
  }
  EXPECT_THAT(sealer_->Open(TicketKind::kSignReply, kBinding, ticket + "x"), StatusIs(kRefused));
}

TEST_F(TicketTest, S5RefusesAnotherStepCallerParticipantOrDaemon) {
  const std::string ticket = Sealed(TicketKind::kSignReply);
  EXPECT_THAT(sealer_->Open(TicketKind::kSignFinal, kBinding, ticket), StatusIs(kRefused));
  EXPECT_THAT(sealer_->Open(TicketKind::kSignReply, {"other", "participant"}, ticket), StatusIs(kRefused));
  EXPECT_THAT(sealer_->Open(TicketKind::kSignReply, {"caller", "other"}, ticket), StatusIs(kRefused));
  EXPECT_THAT(sealer_->Open(TicketKind::kSignReply, {"callerp", "articipant"}, ticket), StatusIs(kRefused));
  const TicketSealer other(*roots_, "other instance");
  EXPECT_THAT(other.Open(TicketKind::kSignReply, kBinding, ticket), StatusIs(kRefused));
}

TEST_F(TicketTest, S5EveryFailureReadsTheSame) {
  const std::string ticket = Sealed(TicketKind::kSignReply);
  const auto wrong_caller = sealer_->Open(TicketKind::kSignReply, {"other", "participant"}, ticket).status();
  const auto garbage = sealer_->Open(TicketKind::kSignReply, kBinding, "garbage").status();
  now_ += absl::Seconds(121);
  EXPECT_EQ(sealer_->Open(TicketKind::kSignReply, kBinding, ticket).status(), wrong_caller);
  EXPECT_EQ(garbage, wrong_caller);
}

TEST_F(TicketTest, S5HandshakeTicketsLiveFor120Seconds) {
  now_ += absl::Seconds(119);
  const std::string ticket = Sealed(TicketKind::kRequestSent);
  now_ += absl::Seconds(119);
  Sealed(TicketKind::kRequestSent);  // Replaces the roots.
  EXPECT_THAT(sealer_->Open(TicketKind::kRequestSent, kBinding, ticket), IsOk());
  now_ += absl::Seconds(2);
  EXPECT_THAT(sealer_->Open(TicketKind::kRequestSent, kBinding, ticket), StatusIs(kRefused));
}

TEST_F(TicketTest, S5RootsOlderThanThePreviousOneAreGone) {
  const uint64_t first = (*roots_->Current())->id;
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(roots_->Find(first), nullptr);
    now_ += TicketRoots::kLifetime;
    ASSERT_OK(roots_->Current());
  }
  EXPECT_EQ(roots_->Find(first), nullptr);
}

TEST_F(TicketTest, S5TicketsSurviveARestartButNotABoot) {
  const std::string step = Sealed(TicketKind::kReplySent);
  const std::string identity = Sealed(TicketKind::kIdentity);
  Restart();
  EXPECT_THAT(sealer_->Open(TicketKind::kReplySent, kBinding, step), IsOk());
  EXPECT_THAT(sealer_->Open(TicketKind::kIdentity, kBinding, identity), IsOk());
  Restart("next boot");
  EXPECT_THAT(sealer_->Open(TicketKind::kReplySent, kBinding, step), StatusIs(kRefused));
  EXPECT_THAT(sealer_->Open(TicketKind::kIdentity, kBinding, identity), StatusIs(kRefused));
}

TEST_F(TicketTest, IdentityTicketsOutliveTheHandshakeRoots) {
  const std::string identity = Sealed(TicketKind::kIdentity);
  for (int i = 0; i < 10; ++i) {
    now_ += absl::Hours(1);
    ASSERT_OK(roots_->Current());
  }
  EXPECT_THAT(sealer_->Open(TicketKind::kIdentity, kBinding, identity), IsOk());
}

TEST_F(TicketTest, RefusesAStorageThatOthersMayRead) {
  ASSERT_EQ(chmod(dir_.File("roots").c_str(), 0640), 0);
  EXPECT_THAT(FileRootStorage(dir_.File("roots")).Load(), StatusIs(kRefused));
}

TEST_F(TicketTest, KeepsRootsInADescriptorToo) {
  const int memory = memfd_create("roots", MFD_CLOEXEC);
  ASSERT_GE(memory, 0);
  uint64_t id = 0;
  for (int life = 0; life < 2; ++life) {
    ASSERT_OK_AND_ASSIGN(const auto roots, TicketRoots::Open(std::make_unique<DescriptorRootStorage>(memory), "boot",
                                                             [this] { return now_; }));
    if (life == 0) id = roots->ForIdentities()->id;
    EXPECT_EQ(roots->ForIdentities()->id, id);
  }
  close(memory);
}

}  // namespace
}  // namespace ddskey
