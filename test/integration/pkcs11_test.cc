// Our PKCS#11 module in a program, with the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/signing_client.h"
#include "ddskey/v1/signing.pb.h"
#include "test/support/pkcs11_token.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using ::testing::SizeIs;

std::string Sha256(const std::string& data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// One daemon serves all tests: a program's module stays with the socket that it was started with.
class Pkcs11Test : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    daemon_ = std::make_unique<TestDaemon>();
    setenv("DDSKEY_SOCKET", daemon_->socket().c_str(), 1);
    ca_ = std::make_unique<TestCa>(TestCa::Root("identity CA"));
    MakeKey("ec", "ec-p256");
    MakeKey("ec384", "ec-p384");
    MakeKey("rsa", "rsa-2048");
    daemon_->Enroll("handshakes", *ca_, Named("handshakes"));
    token_ = std::make_unique<Pkcs11>();
  }
  static void TearDownTestSuite() {
    token_.reset();
    ca_.reset();
    daemon_.reset();
  }

  static void MakeKey(const std::string& name, const std::string& algorithm) {
    v1::CreateKeyRequest create;
    create.set_name(name);
    create.set_algorithm(algorithm);
    create.set_purpose("digest");
    daemon_->Enroll(create, *ca_, Named(name));
  }

  static std::string PublicKey(const std::string& name) {
    v1::GetKeyRequest request;
    request.set_name(name);
    return TestDaemon::PublicKeyOf(daemon_->admin().GetKey(request)->key());
  }

  // InChild runs `body` in a forked process, which is given up after a while, and returns what it returned.
  static int InChild(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // Signs is whether a signature of `key` over a text is made, and good.
  static bool Signs(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const std::string& public_key,
                    const std::string& text) {
    std::string signature;
    return token_->Sign(session, key, CKM_ECDSA, Sha256(text), &signature) == CKR_OK &&
           VerifiesRaw(public_key, Sha256(text), signature);
  }

  static std::unique_ptr<TestDaemon> daemon_;
  static std::unique_ptr<TestCa> ca_;
  static std::unique_ptr<Pkcs11> token_;
};

std::unique_ptr<TestDaemon> Pkcs11Test::daemon_;
std::unique_ptr<TestCa> Pkcs11Test::ca_;
std::unique_ptr<Pkcs11> Pkcs11Test::token_;

TEST_F(Pkcs11Test, S1ShowsTheKeysForDigestsAndNoOthers) {
  const CK_SESSION_HANDLE session = token_->Open();
  EXPECT_THAT(token_->Find(session, CKO_PRIVATE_KEY), Optional(SizeIs(3)));
  EXPECT_EQ(token_->PrivateKey(session, "handshakes"), 0U);
  const CK_OBJECT_HANDLE key = token_->PrivateKey(session, "rsa");
  ASSERT_NE(key, 0U);
  EXPECT_EQ(token_->Attribute(session, key, CKA_PRIVATE_EXPONENT), std::nullopt);
  EXPECT_EQ(token_->Attribute(session, key, CKA_EXTRACTABLE), std::string(1, CK_FALSE));
  const auto certificates = token_->Find(session, CKO_CERTIFICATE, "rsa");
  ASSERT_THAT(certificates, Optional(SizeIs(1)));
  EXPECT_EQ(token_->Attribute(session, certificates->front(), CKA_ID), token_->Attribute(session, key, CKA_ID));
  EXPECT_EQ(token_->Attribute(session, key, CKA_PUBLIC_KEY_INFO), PublicKey("rsa"));
  EXPECT_EQ(token_->functions().C_CloseSession(session), CKR_OK);
}

// The module keeps to the rules by itself; whoever speaks to the socket without it meets the daemon's.
TEST_F(Pkcs11Test, S1TheDaemonSignsNoDigestWithAnotherKeyAndNothingElseWithThese) {
  SigningClient client(daemon_->socket());
  const auto sign = [&](const std::string& name, size_t digest_size, v1::SigningScheme scheme) {
    v1::SignDigestRequest request;
    request.set_key_name(name);
    request.set_public_key_sha256(Sha256(PublicKey(name)));
    request.set_digest(std::string(digest_size, 'd'));
    request.set_scheme(scheme);
    return client.SignDigest(request, CallClock::now() + std::chrono::seconds(20)).status;
  };
  const CallStatus refused = sign("handshakes", 32, v1::ECDSA);
  EXPECT_EQ(refused.code, CallCode::kPermissionDenied) << refused.message;
  EXPECT_THAT(refused.message, Not(HasSubstr("digest"))) << "as for a key that does not exist";
  EXPECT_TRUE(WaitFor([] { return daemon_->Log().find("was not made for the purpose digest") != std::string::npos; }));
  EXPECT_EQ(sign("ec", 32, v1::ECDSA).code, CallCode::kOk);
  EXPECT_EQ(sign("ec", 48, v1::ECDSA).code, CallCode::kOk);
  for (const size_t size : {0, 20, 31, 33, 64, 4096}) {
    EXPECT_EQ(sign("ec", size, v1::ECDSA).code, CallCode::kInvalidArgument) << size;
  }
  EXPECT_EQ(sign("ec", 32, v1::RSASSA_PSS).code, CallCode::kInvalidArgument);
  EXPECT_EQ(sign("rsa", 32, v1::ECDSA).code, CallCode::kInvalidArgument);
  EXPECT_EQ(sign("rsa", 32, v1::SIGNING_SCHEME_UNSPECIFIED).code, CallCode::kInvalidArgument);
  v1::SignDigestRequest other;
  other.set_key_name("ec");
  other.set_public_key_sha256(std::string(32, 'x'));
  other.set_digest(std::string(32, 'd'));
  other.set_scheme(v1::ECDSA);
  EXPECT_EQ(client.SignDigest(other, CallClock::now() + std::chrono::seconds(20)).status.code,
            CallCode::kFailedPrecondition);
  TestParticipant participant(daemon_->socket(), "ec", ca_->Issue(PublicKey("ec"), Named("ec")), 'p');
  EXPECT_EQ(participant.Validate().code, CallCode::kPermissionDenied) << "nor is a token's key one for handshakes";
}

TEST_F(Pkcs11Test, SignsWithEveryMechanism) {
  const CK_SESSION_HANDLE session = token_->Open();
  const std::string text = "what is signed";
  std::string signature;
  for (const char* name : {"ec", "ec384"}) {
    const CK_OBJECT_HANDLE key = token_->PrivateKey(session, name);
    EXPECT_EQ(token_->Sign(session, key, CKM_ECDSA, Sha256(text), &signature), CKR_OK);
    EXPECT_TRUE(VerifiesRaw(PublicKey(name), Sha256(text), signature)) << name;
    EXPECT_EQ(token_->Sign(session, key, CKM_ECDSA_SHA256, text, &signature), CKR_OK);
    EXPECT_TRUE(VerifiesRaw(PublicKey(name), Sha256(text), signature)) << name;
  }
  const CK_OBJECT_HANDLE rsa = token_->PrivateKey(session, "rsa");
  for (const auto mechanism : {CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS}) {
    const bool hashes = mechanism == CKM_SHA256_RSA_PKCS_PSS;
    EXPECT_EQ(token_->Sign(session, rsa, mechanism, hashes ? text : Sha256(text), &signature), CKR_OK);
    EXPECT_TRUE(VerifiesRaw(PublicKey("rsa"), Sha256(text), signature));
  }
  EXPECT_EQ(token_->Sign(session, rsa, CKM_SHA256_RSA_PKCS, text, &signature), CKR_OK);
  EXPECT_TRUE(VerifiesRaw(PublicKey("rsa"), Sha256(text), signature, true));
  EXPECT_EQ(token_->functions().C_CloseSession(session), CKR_OK);
}

TEST_F(Pkcs11Test, AKeyThatIsDisabledOrDeniedSignsNothing) {
  const CK_SESSION_HANDLE session = token_->Open();
  const CK_OBJECT_HANDLE key = token_->PrivateKey(session, "ec384");
  v1::SetIdentityStateRequest state;
  state.set_name("ec384");
  state.set_state(v1::IDENTITY_STATE_DISABLED);
  ASSERT_OK(daemon_->admin().SetIdentityState(state));
  std::string signature;
  const std::string digest(32, 'd');
  EXPECT_EQ(token_->Sign(session, key, CKM_ECDSA, digest, &signature), CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_THAT(token_->Find(session, CKO_PRIVATE_KEY, "ec384"), Optional(SizeIs(0)));
  state.set_state(v1::IDENTITY_STATE_ENABLED);
  ASSERT_OK(daemon_->admin().SetIdentityState(state));
  EXPECT_EQ(token_->Sign(session, key, CKM_ECDSA, digest, &signature), CKR_OK);
  EXPECT_EQ(token_->functions().C_CloseSession(session), CKR_OK);
}

TEST_F(Pkcs11Test, WhoBeganWithTheOldKeyOfARenewedIdentityGoesOnWithIt) {
  MakeKey("renewed", "ec-p256");
  const CK_SESSION_HANDLE session = token_->Open();
  const CK_OBJECT_HANDLE old_key = token_->PrivateKey(session, "renewed");
  const std::string old_public = PublicKey("renewed");
  v1::RenewIdentityRequest renew;
  renew.set_name("renewed");
  ASSERT_OK_AND_ASSIGN(const auto renewal, daemon_->admin().RenewIdentity(renew));
  EXPECT_EQ(token_->PrivateKey(session, "renewed"), old_key) << "the next key is not in use yet";
  v1::CompleteRenewalRequest complete;
  complete.set_name("renewed");
  // The key of the request is the next one's.
  std::string next_public;
  for (const auto& generation : renewal.key().generations()) {
    if (generation.state() == "next") {
      v1::Key next;
      next.set_public_key_pem(generation.public_key_pem());
      next_public = TestDaemon::PublicKeyOf(next);
    }
  }
  complete.set_certificate_chain(ca_->Issue(next_public, Named("renewed")));
  ASSERT_OK(daemon_->admin().CompleteRenewal(complete));
  EXPECT_TRUE(Signs(session, old_key, old_public, "by the old key"));
  const CK_OBJECT_HANDLE new_key = token_->PrivateKey(session, "renewed");
  EXPECT_NE(new_key, old_key);
  EXPECT_TRUE(Signs(session, new_key, next_public, "by the new key"));
  EXPECT_EQ(token_->functions().C_CloseSession(session), CKR_OK);
}

TEST_F(Pkcs11Test, AnswersAsTheStandardSaysWhatItDoesNotDo) {
  const CK_FUNCTION_LIST& call = token_->functions();
  const CK_SESSION_HANDLE session = token_->Open();
  CK_SESSION_HANDLE other = 0;
  EXPECT_EQ(call.C_OpenSession(1, 0, nullptr, nullptr, &other), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
  EXPECT_EQ(call.C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &other), CKR_OK);
  EXPECT_EQ(call.C_CreateObject(other, nullptr, 0, nullptr), CKR_TOKEN_WRITE_PROTECTED);
  EXPECT_EQ(call.C_OpenSession(7, CKF_SERIAL_SESSION, nullptr, nullptr, &other), CKR_SLOT_ID_INVALID);
  EXPECT_EQ(call.C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  EXPECT_EQ(call.C_CreateObject(session, nullptr, 0, nullptr), CKR_TOKEN_WRITE_PROTECTED);
  EXPECT_EQ(call.C_DecryptInit(session, nullptr, 1), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(call.C_DeriveKey(session, nullptr, 1, nullptr, 0, nullptr), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(call.C_DeriveKey(session + 100, nullptr, 1, nullptr, 0, nullptr), CKR_SESSION_HANDLE_INVALID);
  EXPECT_EQ(call.C_GetFunctionStatus(session), CKR_FUNCTION_NOT_PARALLEL);
  CK_BYTE byte = 0;
  CK_ULONG size = 1;
  EXPECT_EQ(call.C_Sign(session, &byte, 1, &byte, &size), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(call.C_SignInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
  CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
  EXPECT_EQ(call.C_SignInit(session, &mechanism, 999'999), CKR_KEY_HANDLE_INVALID);
  const CK_OBJECT_HANDLE key = token_->PrivateKey(session, "ec");
  EXPECT_EQ(call.C_SignInit(session, &mechanism, key), CKR_OK);
  EXPECT_EQ(call.C_SignInit(session, &mechanism, key), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(call.C_Sign(session, &byte, 1, &byte, &size), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(size, 64U);
  EXPECT_EQ(call.C_Login(session, CKU_USER, nullptr, 0), CKR_OK);
  EXPECT_EQ(call.C_Login(session, CKU_USER, nullptr, 0), CKR_USER_ALREADY_LOGGED_IN);
  EXPECT_EQ(call.C_Logout(session), CKR_OK);
  std::string random(64, '\0');
  EXPECT_EQ(call.C_GenerateRandom(session, reinterpret_cast<CK_BYTE*>(random.data()), random.size()), CKR_OK);
  EXPECT_NE(random, std::string(64, '\0'));
  EXPECT_EQ(call.C_CloseAllSessions(1), CKR_OK);
  EXPECT_EQ(call.C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

TEST_F(Pkcs11Test, ServesManyThreadsForkedChildrenAndARestartedDaemonAtOnce) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a child that is forked from 24 threads may find the sanitizer's own locks taken";
#endif
  constexpr int kThreads = 24;
  constexpr int kForks = 200;
  const std::string public_key = PublicKey("ec");
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> bad = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const CK_SESSION_HANDLE session = token_->Open();
      const CK_OBJECT_HANDLE key = token_->PrivateKey(session, "ec");
      for (int round = 0; !stop; ++round) {
        ++(Signs(session, key, public_key, std::to_string(i * 1'000'000 + round)) ? good : bad);
      }
      token_->functions().C_CloseSession(session);
    });
  }
  ASSERT_TRUE(WaitFor([&] { return good > 10 * kThreads; }));
  const std::string digest = Sha256("child");
  int children_failed = 0;
  for (int i = 0; i < kForks; ++i) {
    if (i == kForks / 3 || i == 2 * kForks / 3) {
      daemon_->Kill();
      daemon_->Start();
    }
    // The child leaves OpenSSL alone, whose locks another thread may have held when it was forked.
    std::array<int, 2> pipe_ends = {};
    ASSERT_EQ(pipe(pipe_ends.data()), 0);
    const int status = InChild([&] {
      // Before C_Initialize a child has nothing.
      if (token_->functions().C_CloseSession(1) != CKR_CRYPTOKI_NOT_INITIALIZED) return 1;
      const CK_SESSION_HANDLE session = token_->Open();
      std::string made;
      if (token_->Sign(session, token_->PrivateKey(session, "ec"), CKM_ECDSA, digest, &made) != CKR_OK) return 2;
      return write(pipe_ends[1], made.data(), made.size()) == static_cast<ssize_t>(made.size()) ? 0 : 3;
    });
    close(pipe_ends[1]);
    std::string signature(64, '\0');
    const bool read_all = read(pipe_ends[0], signature.data(), signature.size()) == 64;
    close(pipe_ends[0]);
    if (status != 0 || !read_all || !VerifiesRaw(public_key, digest, signature)) ++children_failed;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(children_failed, 0);
  EXPECT_EQ(bad, 0) << "of " << good + bad;
}

TEST_F(Pkcs11Test, WithoutADaemonThereIsNoToken) {
  EXPECT_EQ(InChild([] {
              setenv("DDSKEY_SOCKET", "/nonexistent/ddskeyd.sock", 1);
              if (token_->functions().C_Initialize(nullptr) != CKR_OK) return 1;
              CK_ULONG count = 7;
              if (token_->functions().C_GetSlotList(CK_TRUE, nullptr, &count) != CKR_OK || count != 0) return 2;
              if (token_->functions().C_GetSlotList(CK_FALSE, nullptr, &count) != CKR_OK || count != 1) return 3;
              CK_TOKEN_INFO info;
              return token_->functions().C_GetTokenInfo(1, &info) == CKR_TOKEN_NOT_PRESENT ? 0 : 4;
            }),
            0);
}

}  // namespace
}  // namespace ddskey::test
