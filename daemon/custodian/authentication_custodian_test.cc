#include "daemon/custodian/authentication_custodian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/custodian/identity_life.h"
#include "daemon/handshake/root_storage.h"
#include "daemon/handshake/ticket_roots.h"
#include "test/fakes/fake_key_backend.h"
#include "test/fakes/made_generation.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::ddskey::test::WaitFor;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr uint32_t kDomain = 7;
constexpr char kPolicy[] = R"(rule { name: "users" effect: ALLOW caller { uid: 1000 } key: "*" operation: HANDSHAKE })";

// NotedBackend is a fake device that notes how its signatures were asked for.
class NotedBackend final : public test::FakeKeyBackend {
 public:
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override {
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(options);
    }
    return FakeKeyBackend::SubmitSign(std::move(key), scheme, std::move(digest), std::move(options), std::move(done));
  }
  std::vector<WorkOptions> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<WorkOptions> asked_;
};

// NotedAudit keeps "operation outcome" of each record.
class NotedAudit final : public AuditLog {
 public:
  void Record(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(record.operation + (record.outcome.ok() ? " allowed" : " refused"));
  }
  void Flush() override {}
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

Subject Caller(pid_t pid) { return {.uid = 1000, .gid = 1000, .groups = {}, .pid = pid, .start_time = 1}; }

// Two processes of one user, alice's and bob's, with a key each on a device that the test holds.
class AuthenticationCustodianTest : public ::testing::Test {
 protected:
  struct Party {
    Subject caller;
    LocalIdentity identity;
  };

  AuthenticationCustodianTest() {
    keys_ = *KeyStore::Open(dir_.File("keystore.db"));
    auto backend = std::make_unique<NotedBackend>();
    device_ = backend.get();
    std::vector<BackendSet::Entry> entries;
    entries.push_back({"fake", *keys_->RegisterBackend("fake", "fake"), std::move(backend)});
    backends_ = std::make_unique<BackendSet>(std::move(entries));
    authorizer_ = std::make_unique<Authorizer>(*Policy::Parse(kPolicy, "policy", {}), audit_);
    roots_ = *TicketRoots::Open(std::make_unique<FileRootStorage>(dir_.File("roots")), "boot", &TimeSinceBoot);
    sealer_ = std::make_unique<TicketSealer>(*roots_, "instance");
    pool_ = std::make_unique<WorkerPool>(2);
    custodian_ = std::make_unique<AuthenticationCustodian>(
        AuthenticationCustodian::Parts{*pool_,
                                       *authorizer_,
                                       *keys_,
                                       *backends_,
                                       *validator_,
                                       *sealer_,
                                       changes_,
                                       [this] { return absl::Now() + later_; },
                                       {},
                                       nullptr,
                                       &book_});
    alice_ = MakeParty("alice", Caller(10));
    bob_ = MakeParty("bob", Caller(20));
  }
  ~AuthenticationCustodianTest() override {
    device_->Release();
    custodian_.reset();
    pool_.reset();
  }

  // Wait runs a method of the custodian to its end.
  template <typename T, typename Method, typename... Arguments>
  absl::StatusOr<T> Wait(Method method, Arguments... arguments) {
    std::promise<absl::StatusOr<T>> promise;
    (custodian_.get()->*method)(std::move(arguments)...,
                                [&promise](absl::StatusOr<T> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }

  KeyGeneration MakeKey() { return test::MadeGeneration(*device_, backends_->entries().front().uuid); }

  std::string Certify(const std::string& name, const KeyGeneration& key) const {
    test::CertificateOptions options;
    options.subject = {{"CN", name}};
    return ca_.Issue(key.public_key, options);
  }

  std::shared_ptr<const Identity> IdentityOf(const std::string& name) const {
    return *keys_->Find(*KeyName::Parse(name));
  }

  // Renew puts another generation of a key in force.
  void Renew(const std::string& name) {
    KeyGeneration next = MakeKey();
    next.uuid = absl::StrCat(name, " ", IdentityOf(name)->generations.size() + 1);
    const Identity with = *WithNext(*IdentityOf(name), next);
    ASSERT_OK(keys_->ReplaceIdentity(IdentityOf(name), *Switched(with, Certify(name, next), absl::Now() + later_)));
  }

  Party MakeParty(const std::string& name, const Subject& caller) {
    const KeyGeneration generation = MakeKey();
    const KeyName key_name = *KeyName::Parse(name);
    EXPECT_OK(keys_->CreateIdentity(key_name, generation));
    const std::string certificate = Certify(name, generation);
    EXPECT_OK(
        keys_->InstallCertificate(key_name, (*keys_->Find(key_name))->current().uuid, certificate, ca_.certificate()));
    LocalIdentityRequest request;
    request.key_name = name;
    request.candidate_guid[0] = static_cast<uint8_t>(name[0]);
    request.domain_id = kDomain;
    request.certificate = certificate;
    return {caller, *Wait<LocalIdentity>(&AuthenticationCustodian::ValidateLocalIdentity, caller, request)};
  }

  static LocalOffer Offer(const Party& from, const Party& to) {
    const std::string guid = GuidOctets(from.identity.adjusted_guid);
    return {.remote_guid = to.identity.adjusted_guid,
            .challenge = std::string(32, guid[6]),
            .participant_data = std::string("\0\x50\0\x10", 4) + guid + std::string("\0\1\0\0", 4),
            .permissions = "",
            .remote_future_challenge = ""};
  }
  StepResult Request() {
    return *Wait<StepResult>(&AuthenticationCustodian::BeginHandshakeRequest, alice_.caller, alice_.identity.ticket,
                             Offer(alice_, bob_));
  }
  absl::StatusOr<StepResult> Reply(const HandshakeToken& request, milliseconds wait) {
    return Wait<StepResult>(&AuthenticationCustodian::BeginHandshakeReply, bob_.caller, bob_.identity.ticket,
                            Offer(bob_, alice_), request, wait);
  }
  absl::StatusOr<StepResult> Process(const Party& party, const std::string& ticket, const HandshakeToken& message) {
    return Wait<StepResult>(&AuthenticationCustodian::ProcessHandshake, party.caller, party.identity.ticket, ticket,
                            message, milliseconds(20'000));
  }
  absl::StatusOr<StepResult> Sign(const Party& party, const std::string& ticket, milliseconds wait) {
    return Wait<StepResult>(&AuthenticationCustodian::SignHandshake, party.caller, party.identity.ticket, ticket, wait);
  }

  // How far the clock is ahead.
  absl::Duration later_;
  test::TempDir dir_;
  test::TestCa ca_ = test::TestCa::Root("identity CA");
  NotedAudit audit_;
  std::unique_ptr<KeyStore> keys_;
  NotedBackend* device_ = nullptr;
  std::unique_ptr<BackendSet> backends_;
  std::unique_ptr<Authorizer> authorizer_;
  std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  std::unique_ptr<TicketRoots> roots_;
  std::unique_ptr<TicketSealer> sealer_;
  ChangeNotice changes_;
  std::unique_ptr<WorkerPool> pool_;
  ParticipantBook book_{[](pid_t, uint64_t) { return true; }};
  std::unique_ptr<AuthenticationCustodian> custodian_;
  Party alice_;
  Party bob_;
};

TEST_F(AuthenticationCustodianTest, S6AFinalWaitsInTheLaneOfItsOwnProcessAmongThoseOfItsUser) {
  const StepResult request = Request();
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Reply(*request.message, milliseconds(20'000)));
  ASSERT_OK_AND_ASSIGN(const StepResult final_step, Process(alice_, request.handshake_ticket, *reply.message));
  EXPECT_OK(Process(bob_, reply.handshake_ticket, *final_step.message).status());
  const std::vector<WorkOptions> asked = device_->asked();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0].work_class, WorkClass::kReply);
  EXPECT_EQ(asked[0].fairness.size(), 32U) << "the peer's certificate";
  EXPECT_EQ(asked[1].work_class, WorkClass::kCompletion);
  EXPECT_EQ(asked[1].fairness, CallerBinding(alice_.caller));
  EXPECT_NE(asked[1].group, "") << "the user";
}

TEST_F(AuthenticationCustodianTest, S6OneReplyBuysOneSignatureHoweverOftenItIsProcessed) {
  const StepResult request = Request();
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Reply(*request.message, milliseconds(20'000)));
  for (int i = 0; i < 5; ++i) EXPECT_OK(Process(alice_, request.handshake_ticket, *reply.message).status());
  EXPECT_EQ(device_->signatures(), 2U) << "the Reply and one Final";
}

TEST_F(AuthenticationCustodianTest, S5AReplacedKeyFinishesTheHandshakesThatItBegan) {
  const StepResult request = Request();
  Renew("alice");
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Reply(*request.message, milliseconds(20'000)));
  Renew("bob");
  ASSERT_OK_AND_ASSIGN(const StepResult final_step, Process(alice_, request.handshake_ticket, *reply.message));
  EXPECT_OK(Process(bob_, reply.handshake_ticket, *final_step.message).status());
  // What begins now uses the new keys, with the identity tickets of before.
  const StepResult next = Request();
  ASSERT_OK_AND_ASSIGN(const HandshakeMessage said, ParseToken(MessageRole::kRequest, *next.message));
  EXPECT_THAT(*said.c_id, HasSubstr(IdentityOf("alice")->current().certificate_chain));
  ASSERT_OK_AND_ASSIGN(const StepResult next_reply, Reply(*next.message, milliseconds(20'000)));
  EXPECT_OK(Process(alice_, next.handshake_ticket, *next_reply.message).status());
}

TEST_F(AuthenticationCustodianTest, S5AReplacedKeyServesNoTicketAfterTwoMinutes) {
  const StepResult request = Request();
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Reply(*request.message, milliseconds(20'000)));
  ASSERT_OK_AND_ASSIGN(const StepResult final_step, Process(alice_, request.handshake_ticket, *reply.message));
  Renew("alice");
  Renew("bob");
  later_ = absl::Seconds(121);
  EXPECT_THAT(Process(alice_, request.handshake_ticket, *reply.message), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Process(bob_, reply.handshake_ticket, *final_step.message),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(AuthenticationCustodianTest, S5ARevokedOrErasedKeyServesNoTicketAtAll) {
  const StepResult request = Request();
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Reply(*request.message, milliseconds(20'000)));
  Renew("alice");
  const std::string old = IdentityOf("alice")->generations.front().certificate_chain;
  IdentityTrust trust = IdentityOf("alice")->trust;
  trust.revocation_lists = {{.issuer = "any", .authority_key = "", .number = "1", .pem = ca_.Crl({old})}};
  ASSERT_OK(keys_->SetTrust(*KeyName::Parse("alice"), IdentityOf("alice"), trust));
  EXPECT_THAT(Process(alice_, request.handshake_ticket, *reply.message),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("revoked")));
  const Identity erased = Without(*IdentityOf("alice"), IdentityOf("alice")->generations.front().uuid);
  ASSERT_OK(keys_->ReplaceIdentity(IdentityOf("alice"), erased));
  EXPECT_THAT(Process(alice_, request.handshake_ticket, *reply.message), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(AuthenticationCustodianTest, ADisabledKeyIsRefusedAlsoToWhoWaitsForItsSignature) {
  const StepResult request = Request();
  device_->Hold();
  auto waiting = std::async(std::launch::async, [&] { return Reply(*request.message, milliseconds(20'000)); });
  ASSERT_TRUE(WaitFor([this] { return device_->Health().queue_length == 1; }));
  Identity disabled = *IdentityOf("bob");
  disabled.disabled = true;
  ASSERT_OK(keys_->ReplaceIdentity(IdentityOf("bob"), disabled));
  device_->Release();
  EXPECT_THAT(waiting.get(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("there is no such key")));
  EXPECT_THAT(Reply(*request.message, milliseconds(20'000)), StatusIs(absl::StatusCode::kPermissionDenied));
  disabled.disabled = false;
  ASSERT_OK(keys_->ReplaceIdentity(IdentityOf("bob"), disabled));
  EXPECT_OK(Reply(*request.message, milliseconds(20'000)).status());
}

TEST_F(AuthenticationCustodianTest, KnowsWithWhichKeyEachParticipantBegan) {
  const std::string first = IdentityOf("alice")->current().uuid;
  Renew("alice");
  Request();
  EXPECT_EQ(book_.Counts()[first], 1U);
  EXPECT_EQ(book_.Counts()[IdentityOf("alice")->current().uuid], 0U);
}

TEST_F(AuthenticationCustodianTest, S5AskingForASignatureDoesNotMakeItsTicketLiveLonger) {
  const StepResult request = Request();
  device_->Hold();
  ASSERT_OK_AND_ASSIGN(const StepResult pending, Reply(*request.message, milliseconds(1)));
  ASSERT_FALSE(pending.sign_ticket.empty());
  ASSERT_OK_AND_ASSIGN(const StepResult again, Sign(bob_, pending.sign_ticket, milliseconds(1)));
  EXPECT_EQ(again.sign_ticket, pending.sign_ticket);
  device_->Release();
  ASSERT_OK_AND_ASSIGN(const StepResult signed_step, Sign(bob_, pending.sign_ticket, milliseconds(20'000)));
  EXPECT_TRUE(signed_step.message.has_value());
}

TEST_F(AuthenticationCustodianTest, S5PolicyIsEvaluatedAnewWhenASignatureIsCollected) {
  const StepResult request = Request();
  device_->Hold();
  ASSERT_OK_AND_ASSIGN(const StepResult pending, Reply(*request.message, milliseconds(1)));
  device_->Release();
  ASSERT_TRUE(WaitFor([&] { return device_->signatures() == 1; }));
  authorizer_->Replace(Policy::SuperuserOnly());
  EXPECT_THAT(Sign(bob_, pending.sign_ticket, milliseconds(20'000)), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(AuthenticationCustodianTest, S16WhatTheDeviceSignsIsRecordedEvenIfNobodyCollectsIt) {
  const StepResult request = Request();
  device_->Hold();
  audit_.Take();
  ASSERT_OK_AND_ASSIGN(const StepResult pending, Reply(*request.message, milliseconds(1)));
  EXPECT_THAT(audit_.Take(), Contains("BeginHandshakeReply allowed"));
  ASSERT_OK(Sign(bob_, pending.sign_ticket, milliseconds(1)).status());
  EXPECT_TRUE(audit_.Take().empty()) << "asking is no decision";
  device_->Release();
  ASSERT_OK(Sign(bob_, pending.sign_ticket, milliseconds(20'000)).status());
  EXPECT_THAT(audit_.Take(), Contains("SignHandshake allowed"));
}

TEST_F(AuthenticationCustodianTest, S8ARefusedPeerThatComesBackCostsALookUpAndNoValidation) {
  HandshakeToken request = *Request().message;
  // Without hash_c1, which is optional, nothing but the certificate is wrong.
  std::erase_if(request.binary_properties, [](const BinaryProperty& each) { return each.name == "hash_c1"; });
  const auto certificate = std::ranges::find(request.binary_properties, "c.id", &BinaryProperty::name);
  ASSERT_NE(certificate, request.binary_properties.end());
  const std::string key = test::TestKey::Generate().public_key();
  for (const std::string& bad :
       {test::TestCa::Root("foreign CA").Issue(key), ca_.Issue(key, {.not_after = absl::Now() - absl::Hours(1)}),
        ca_.Issue(key, {.not_before = absl::Now() + absl::Hours(1)}), std::string("junk")}) {
    certificate->value = bad;
    EXPECT_FALSE(Reply(request, milliseconds(0)).ok());
    const uint64_t before = validator_->validations();
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(Reply(request, milliseconds(0)).ok());
    EXPECT_EQ(validator_->validations(), before);
  }
  EXPECT_EQ(device_->signatures(), 0U);
}

TEST_F(AuthenticationCustodianTest, S5ACertificateOfItsOwnThatHasExpiredEndsEveryStep) {
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not good now: [expired]"));
  const auto expire = [this](bool expired) { later_ = expired ? absl::Hours(24 * 3651) : absl::ZeroDuration(); };
  expire(true);
  EXPECT_THAT(Wait<StepResult>(&AuthenticationCustodian::BeginHandshakeRequest, alice_.caller, alice_.identity.ticket,
                               Offer(alice_, bob_)),
              refused);
  expire(false);
  const StepResult request = Request();
  expire(true);
  EXPECT_THAT(Reply(*request.message, milliseconds(0)), refused);
  expire(false);
  device_->Hold();
  ASSERT_OK_AND_ASSIGN(const StepResult pending, Reply(*request.message, milliseconds(1)));
  expire(true);
  EXPECT_THAT(Sign(bob_, pending.sign_ticket, milliseconds(0)), refused);
  device_->Release();
  expire(false);
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Sign(bob_, pending.sign_ticket, milliseconds(20'000)));
  expire(true);
  EXPECT_THAT(Process(alice_, request.handshake_ticket, *reply.message), refused);
  expire(false);
  ASSERT_OK_AND_ASSIGN(const StepResult final_step, Process(alice_, request.handshake_ticket, *reply.message));
  expire(true);
  EXPECT_THAT(Process(bob_, reply.handshake_ticket, *final_step.message), refused);
  expire(false);
  EXPECT_OK(Process(bob_, reply.handshake_ticket, *final_step.message).status());
}

// Without access control there is no permissions document, and c.perm is empty.
TEST_F(AuthenticationCustodianTest, AReplyWithoutPermissionsIsTheSameWhenItIsCollectedLater) {
  const StepResult request = Request();
  device_->Hold();
  ASSERT_OK_AND_ASSIGN(const StepResult pending, Reply(*request.message, milliseconds(1)));
  device_->Release();
  ASSERT_OK_AND_ASSIGN(const StepResult reply, Sign(bob_, pending.sign_ticket, milliseconds(20'000)));
  ASSERT_OK_AND_ASSIGN(const StepResult final_step, Process(alice_, request.handshake_ticket, *reply.message));
  EXPECT_OK(Process(bob_, reply.handshake_ticket, *final_step.message).status());
}

class ParticipantDataTest : public AuthenticationCustodianTest {
 protected:
  static constexpr char kGrant[] =
      R"(rule { name: "g" effect: ALLOW caller { uid: 1000 } key: "alice" operation: [HANDSHAKE, SIGN_PARTICIPANT_DATA] }
         rule { name: "h" effect: ALLOW caller { uid: 1000 } key: "*" operation: HANDSHAKE })";

  void Grant() { authorizer_->Replace(*Policy::Parse(kGrant, "policy", {})); }
  absl::StatusOr<std::optional<Signature>> SignData(const Party& party, uint64_t revision, milliseconds wait) {
    const ParticipantUpdate update = {Offer(party, party).participant_data, revision};
    return Wait<std::optional<Signature>>(&AuthenticationCustodian::SignParticipantData, party.caller,
                                          party.identity.ticket, update, wait);
  }
};

TEST_F(ParticipantDataTest, S1IsOffWithoutAGrantOfItsOwn) {
  audit_.Take();
  EXPECT_THAT(SignData(alice_, 1, milliseconds(0)),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("SIGN_PARTICIPANT_DATA")));
  EXPECT_THAT(audit_.Take(), Contains("SignParticipantData refused"));
  Grant();
  EXPECT_OK(SignData(alice_, 1, milliseconds(20'000)).status());
  EXPECT_THAT(audit_.Take(), Contains("SignParticipantData allowed"));
  EXPECT_THAT(SignData(bob_, 1, milliseconds(0)), StatusIs(absl::StatusCode::kPermissionDenied));
  authorizer_->Replace(*Policy::Parse(kPolicy, "policy", {}));
  EXPECT_THAT(SignData(alice_, 1, milliseconds(0)), StatusIs(absl::StatusCode::kPermissionDenied)) << "withdrawn";
  EXPECT_EQ(device_->signatures(), 1U);
}

TEST_F(ParticipantDataTest, NeedsTheRightToShakeHandsToo) {
  authorizer_->Replace(*Policy::Parse(
      R"(rule { name: "s" effect: ALLOW caller { uid: 1000 } key: "*" operation: SIGN_PARTICIPANT_DATA })", "p", {}));
  EXPECT_THAT(SignData(alice_, 1, milliseconds(0)), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(ParticipantDataTest, S1SignsTheOctetsThatTheDaemonMadeAndNoOthers) {
  Grant();
  ASSERT_OK_AND_ASSIGN(const auto signature, SignData(alice_, 7, milliseconds(20'000)));
  ASSERT_TRUE(signature.has_value());
  const std::string data = Offer(alice_, alice_).participant_data;
  const auto identity = *keys_->Find(*KeyName::Parse("alice"));
  const Certificate certificate = Certificate::ParsePem(identity->current().certificate_chain)->front();
  const auto octets = ParticipantUpdateOctets(alice_.identity.adjusted_guid, kDomain, {data, 7});
  EXPECT_OK(certificate.VerifySignature(*octets, signature->octets));
  EXPECT_FALSE(certificate.VerifySignature(data, signature->octets).ok());
}

TEST_F(ParticipantDataTest, S5RefusesTheTicketOfAnotherProcess) {
  Grant();
  const Party thief = {Caller(30), alice_.identity};
  EXPECT_THAT(SignData(thief, 1, milliseconds(0)), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ParticipantDataTest, S7RefusesTheDataOfAnotherParticipant) {
  Grant();
  const ParticipantUpdate update = {Offer(bob_, alice_).participant_data, 1};
  EXPECT_THAT(Wait<std::optional<Signature>>(&AuthenticationCustodian::SignParticipantData, alice_.caller,
                                             alice_.identity.ticket, update, milliseconds(0)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another GUID")));
  EXPECT_EQ(device_->signatures(), 0U);
}

TEST_F(ParticipantDataTest, S4IsCollectedLaterAndSignedOnce) {
  Grant();
  device_->Hold();
  ASSERT_OK_AND_ASSIGN(const auto pending, SignData(alice_, 1, milliseconds(1)));
  EXPECT_FALSE(pending.has_value());
  device_->Release();
  ASSERT_OK_AND_ASSIGN(const auto signature, SignData(alice_, 1, milliseconds(20'000)));
  ASSERT_TRUE(signature.has_value());
  ASSERT_OK_AND_ASSIGN(const auto again, SignData(alice_, 1, milliseconds(20'000)));
  EXPECT_EQ(again->octets, signature->octets);
  EXPECT_EQ(device_->signatures(), 1U);
  const std::vector<WorkOptions> asked = device_->asked();
  EXPECT_EQ(asked.back().fairness, CallerBinding(alice_.caller)) << "in the lane of its own process";
}

TEST_F(ParticipantDataTest, S6OfAParticipantOnlyTheNewestUpdateIsOutstanding) {
  Grant();
  device_->Hold();
  for (uint64_t revision = 1; revision <= 20; ++revision) {
    ASSERT_OK_AND_ASSIGN(const auto pending, SignData(alice_, revision, milliseconds(0)));
    EXPECT_FALSE(pending.has_value());
  }
  device_->Release();
  ASSERT_OK_AND_ASSIGN(const auto newest, SignData(alice_, 20, milliseconds(20'000)));
  EXPECT_TRUE(newest.has_value());
  EXPECT_EQ(device_->signatures(), 1U);
}

}  // namespace
}  // namespace ddskey
