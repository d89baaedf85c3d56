#include "test/conformance/key_backend_conformance.h"

#include <gmock/gmock.h>
#include <openssl/x509.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::test {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::Not;

namespace {

const std::string kDigest(32, '\x5a');

std::string DigestNumber(int number) {
  std::string digest = kDigest;
  digest[0] = static_cast<char>(number >> 8);
  digest[1] = static_cast<char>(number);
  return digest;
}

std::vector<SignatureScheme> SchemesOf(KeyAlgorithm algorithm) {
  if (!IsRsa(algorithm)) return {SignatureScheme::kEcdsaSha256, SignatureScheme::kEcdsaSha384};
  return {SignatureScheme::kRsaPssSha256, SignatureScheme::kRsaPkcs1Sha256, SignatureScheme::kRsaPssSha384,
          SignatureScheme::kRsaPkcs1Sha384};
}

// DigestFor is `digest` with more behind it if the scheme wants more.
std::string DigestFor(SignatureScheme scheme, std::string digest) {
  digest.resize(DigestSize(scheme), 'd');
  return digest;
}

// Pkcs8Of is PrivateKeyInfo, DER.
std::string Pkcs8Of(const EVP_PKEY& key) {
  PKCS8_PRIV_KEY_INFO* const info = EVP_PKEY2PKCS8(&key);
  unsigned char* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
  std::string octets(reinterpret_cast<char*>(der), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(der);
  PKCS8_PRIV_KEY_INFO_free(info);
  return octets;
}

KeyAlgorithm Other(KeyAlgorithm algorithm) { return IsRsa(algorithm) ? KeyAlgorithm::kEcP256 : KeyAlgorithm::kRsa2048; }

// Tally counts completions by their code, for many works at once.
class Tally {
 public:
  KeyBackend::SignDone Done() {
    return [this](const absl::StatusOr<Signature>& result) { ++counts_[static_cast<size_t>(result.status().code())]; };
  }
  int Of(absl::StatusCode code) const { return counts_[static_cast<size_t>(code)]; }
  int Total() const {
    int total = 0;
    for (const auto& count : counts_) total += count;
    return total;
  }

 private:
  std::array<std::atomic<int>, 20> counts_ = {};
};

}  // namespace

bool KeyBackendConformance::Comes(const std::function<bool()>& condition, seconds limit) {
  return WaitFor(condition, limit * GetParam().patience);
}

std::vector<KeyAlgorithm> KeyBackendConformance::Algorithms() const {
  EXPECT_TRUE(Comes([this] { return !backend_->algorithms().empty(); })) << backend_->Health().problem;
  return backend_->algorithms();
}

absl::StatusOr<SealedKey> KeyBackendConformance::Create(KeyAlgorithm algorithm, KeyPurpose purpose) {
  std::promise<absl::StatusOr<SealedKey>> promise;
  backend_->SubmitCreate(algorithm, purpose, In(minutes(2)),
                         [&promise](absl::StatusOr<SealedKey> key) { promise.set_value(std::move(key)); });
  return promise.get_future().get();
}

absl::StatusOr<SealedKey> KeyBackendConformance::Import(const std::string& pkcs8) {
  ForeignKey key;
  if (!pkcs8.empty()) {
    SecretBytes octets = *SecretBytes::Allocate(pkcs8.size());
    std::ranges::copy(pkcs8, octets.Reveal(SecretAccess()).begin());
    key.private_key = std::make_shared<const SecretBytes>(std::move(octets));
  }
  std::promise<absl::StatusOr<SealedKey>> promise;
  backend_->SubmitImport(std::move(key), KeyPurpose::kDigest, In(minutes(2)),
                         [&promise](absl::StatusOr<SealedKey> sealed) { promise.set_value(std::move(sealed)); });
  return promise.get_future().get();
}

absl::StatusOr<Signature> KeyBackendConformance::Sign(const SealedKey& key, SignatureScheme scheme,
                                                      const std::string& digest) {
  std::promise<absl::StatusOr<Signature>> promise;
  backend_->SubmitSign(key, scheme, digest, In(minutes(2)),
                       [&promise](absl::StatusOr<Signature> signature) { promise.set_value(std::move(signature)); });
  return promise.get_future().get();
}

absl::Status KeyBackendConformance::Verify(const SealedKey& key, SignatureScheme scheme, const std::string& digest,
                                           const Signature& signature) const {
  auto public_key = library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
  if (!public_key.ok()) return public_key.status();
  return library_->Verify(**public_key, scheme, digest, signature);
}

TEST_P(KeyBackendConformance, SignsWithEveryKeyItCanMakeInEveryScheme) {
  uint64_t signatures = 0;
  for (const KeyAlgorithm algorithm : Algorithms()) {
    for (const KeyPurpose purpose : {KeyPurpose::kHandshake, KeyPurpose::kDigest}) {
      ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(algorithm, purpose));
      EXPECT_EQ(key.algorithm, algorithm);
      EXPECT_EQ(key.purpose, purpose);
      for (const SignatureScheme scheme : SchemesOf(algorithm)) {
        const std::string digest = DigestFor(scheme, kDigest);
        ASSERT_OK_AND_ASSIGN(const Signature signature, Sign(key, scheme, digest));
        ++signatures;
        EXPECT_OK(Verify(key, scheme, digest, signature));
        EXPECT_THAT(Verify(key, scheme, DigestFor(scheme, DigestNumber(1)), signature), Not(IsOk()));
      }
    }
  }
  EXPECT_EQ(backend_->Health().signatures, signatures);
}

TEST_P(KeyBackendConformance, S1TakesPrivateKeysThatWereMadeElsewhereForOnePurpose) {
  if (backend_->kind() == "fake") GTEST_SKIP() << "the fake takes none";
  if (backend_->kind() == "pkcs11") GTEST_SKIP() << "a token's keys are adopted where they are";
  for (const KeyAlgorithm algorithm : Algorithms()) {
    ASSERT_OK_AND_ASSIGN(const EvpKey key, library_->Generate(algorithm));
    ASSERT_OK_AND_ASSIGN(const std::string public_key, library_->PublicKeyInfo(*key));
    ASSERT_OK_AND_ASSIGN(SealedKey sealed, Import(Pkcs8Of(*key)));
    EXPECT_EQ(sealed.algorithm, algorithm);
    EXPECT_EQ(sealed.public_key, public_key);
    for (const SignatureScheme scheme : SchemesOf(algorithm)) {
      const std::string digest = DigestFor(scheme, kDigest);
      ASSERT_OK_AND_ASSIGN(const Signature signature, Sign(sealed, scheme, digest));
      EXPECT_OK(Verify(sealed, scheme, digest, signature));
    }
    sealed.purpose = KeyPurpose::kHandshake;
    EXPECT_THAT(Sign(sealed, SchemesOf(algorithm).front(), kDigest), StatusIs(absl::StatusCode::kDataLoss));
  }
  for (const char* nonsense : {"", "0", "-----BEGIN PRIVATE KEY-----"}) {
    EXPECT_THAT(Import(nonsense), StatusIs(absl::StatusCode::kInvalidArgument)) << nonsense;
  }
}

TEST_P(KeyBackendConformance, MakesKeysOfEveryAlgorithm) {
  // Ours all can; a device that cannot says so, and has a test of its own.
  EXPECT_THAT(Algorithms(), ::testing::UnorderedElementsAreArray(kAllAlgorithms));
}

TEST_P(KeyBackendConformance, S1MakesNoKeyWhosePurposeItCannotServe) {
  EXPECT_THAT(Create(KeyAlgorithm::kEcP256, KeyPurpose::kDerive), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Create(static_cast<KeyAlgorithm>(99)), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_P(KeyBackendConformance, MakesDifferentKeys) {
  ASSERT_OK_AND_ASSIGN(const SealedKey a, Create(KeyAlgorithm::kEcP256));
  ASSERT_OK_AND_ASSIGN(const SealedKey b, Create(KeyAlgorithm::kEcP256));
  EXPECT_NE(a.public_key, b.public_key);
  EXPECT_NE(a.blob, b.blob);
}

TEST_P(KeyBackendConformance, RefusesADigestOfAnotherLength) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  for (const size_t size : {0, 1, 20, 31, 33, 48, 64}) {
    EXPECT_THAT(Sign(key, SignatureScheme::kEcdsaSha256, std::string(size, 'x')),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST_P(KeyBackendConformance, RefusesASchemeThatDoesNotFitTheKey) {
  for (const KeyAlgorithm algorithm : Algorithms()) {
    ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(algorithm));
    for (const SignatureScheme scheme : SchemesOf(Other(algorithm))) {
      EXPECT_THAT(Sign(key, scheme, DigestFor(scheme, kDigest)), StatusIs(absl::StatusCode::kInvalidArgument));
    }
  }
}

TEST_P(KeyBackendConformance, S1RefusesABlobThatWasGivenAnotherPurpose) {
  for (const KeyAlgorithm algorithm : Algorithms()) {
    ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(algorithm));
    // In use already, as a cache could let it through.
    ASSERT_OK(Sign(key, SchemesOf(algorithm)[0], kDigest));
    for (const KeyPurpose purpose : {KeyPurpose::kDigest, KeyPurpose::kDerive}) {
      SealedKey relabelled = key;
      relabelled.purpose = purpose;
      EXPECT_THAT(Sign(relabelled, SchemesOf(algorithm)[0], kDigest), StatusIs(absl::StatusCode::kDataLoss));
    }
  }
}

TEST_P(KeyBackendConformance, S1RefusesABlobThatWasGivenAnotherAlgorithmOrPublicKey) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  ASSERT_OK_AND_ASSIGN(const SealedKey other, Create(KeyAlgorithm::kEcP256));
  SealedKey relabelled = key;
  for (const KeyAlgorithm algorithm : Algorithms()) {
    if (algorithm == KeyAlgorithm::kEcP256) continue;
    relabelled.algorithm = algorithm;
    EXPECT_THAT(Sign(relabelled, SchemesOf(algorithm)[0], kDigest), StatusIs(absl::StatusCode::kDataLoss));
  }
  relabelled = key;
  relabelled.public_key = other.public_key;
  EXPECT_THAT(Sign(relabelled, SignatureScheme::kEcdsaSha256, kDigest), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(KeyBackendConformance, RefusesDamagedBlobs) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  std::vector<std::string> blobs = {
      "", "x", key.blob + "x", key.blob.substr(1), std::string(100000, 'x'), std::string(key.blob.size(), '\0')};
  for (size_t at = 0; at < key.blob.size(); ++at) {
    blobs.push_back(key.blob);
    blobs.back()[at] ^= 0x41;
  }
  for (size_t size = 0; size < key.blob.size(); size += 7) blobs.push_back(key.blob.substr(0, size));
  for (const std::string& blob : blobs) {
    SealedKey damaged = key;
    damaged.blob = blob;
    ASSERT_THAT(Sign(damaged, SignatureScheme::kEcdsaSha256, kDigest), StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_OK(Sign(key, SignatureScheme::kEcdsaSha256, kDigest));
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
}

TEST_P(KeyBackendConformance, RefusesTheBlobOfAnotherDevice) {
  const auto other_host = AnotherHost();
  const auto mine = std::exchange(backend_, other_host->Make());
  ASSERT_OK_AND_ASSIGN(const SealedKey foreign, Create(KeyAlgorithm::kEcP256));
  ASSERT_OK(Sign(foreign, SignatureScheme::kEcdsaSha256, kDigest));
  backend_ = host_->Make();
  EXPECT_THAT(Sign(foreign, SignatureScheme::kEcdsaSha256, kDigest), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(KeyBackendConformance, KeysOutliveTheBackendObject) {
  for (const KeyAlgorithm algorithm : Algorithms()) {
    ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(algorithm));
    backend_.reset();
    backend_ = host_->Make();
    ASSERT_OK_AND_ASSIGN(const Signature signature, Sign(key, SchemesOf(algorithm)[0], kDigest));
    EXPECT_OK(Verify(key, SchemesOf(algorithm)[0], kDigest, signature));
  }
}

TEST_P(KeyBackendConformance, RefusesWorkWhoseDeadlineHasPassed) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  Tally tally;
  backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, kDigest, In(seconds(-1)), tally.Done());
  backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, kDigest, WorkOptions{}, tally.Done());
  ASSERT_TRUE(Comes([&] { return tally.Total() == 2; }));
  EXPECT_EQ(tally.Of(absl::StatusCode::kDeadlineExceeded), 2);
}

TEST_P(KeyBackendConformance, CompletesEveryWorkOnceHoweverItEnds) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kRsa2048));
  constexpr int kWorks = 300;
  Tally tally;
  std::vector<KeyBackend::WorkId> ids;
  for (int i = 0; i < kWorks; ++i) {
    const WorkOptions options = In(i % 3 == 0 ? milliseconds(i) : minutes(2));
    ids.push_back(backend_->SubmitSign(key, SignatureScheme::kRsaPssSha256, DigestNumber(i), options, tally.Done()));
  }
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size()) << "ids are unique";
  // From the end, where the device is not yet.
  for (int i = kWorks - 1; i > kWorks / 2; --i) backend_->Cancel(ids[i]);
  ASSERT_TRUE(Comes([&] { return tally.Total() == kWorks; }, minutes(2)));
  EXPECT_GT(tally.Of(absl::StatusCode::kCancelled), 0);
  EXPECT_GT(tally.Of(absl::StatusCode::kOk), 0);
  EXPECT_EQ(tally.Of(absl::StatusCode::kOk) + tally.Of(absl::StatusCode::kCancelled) +
                tally.Of(absl::StatusCode::kDeadlineExceeded),
            kWorks);
  for (const KeyBackend::WorkId id : ids) backend_->Cancel(id);
  EXPECT_OK(Sign(key, SignatureScheme::kRsaPssSha256, kDigest));
  EXPECT_EQ(tally.Total(), kWorks) << "what is done cannot be cancelled";
}

TEST_P(KeyBackendConformance, RefusesWhatItsQueueCannotHoldAtOnce) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kRsa2048));
  Tally tally;
  int submitted = 0;
  while (submitted < 20000 && tally.Of(absl::StatusCode::kResourceExhausted) == 0) {
    backend_->SubmitSign(key, SignatureScheme::kRsaPssSha256, kDigest, In(minutes(2)), tally.Done());
    ++submitted;
  }
  EXPECT_EQ(tally.Of(absl::StatusCode::kResourceExhausted), 1);
  EXPECT_GT(submitted, 1000);
  const BackendHealth health = backend_->Health();
  EXPECT_EQ(health.queue_limit, 1024u);
  EXPECT_GT(health.queue_length, 500u);
  backend_.reset();
  EXPECT_EQ(tally.Total(), submitted) << "destruction completes what waits";
  EXPECT_GT(tally.Of(absl::StatusCode::kCancelled), 500);
}

TEST_P(KeyBackendConformance, RefusesAFairnessIdThatIsTooLong) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  Tally tally;
  WorkOptions options = In(minutes(1));
  options.fairness = std::string(65, 'x');
  backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, kDigest, options, tally.Done());
  ASSERT_TRUE(Comes([&] { return tally.Total() == 1; }));
  EXPECT_EQ(tally.Of(absl::StatusCode::kInvalidArgument), 1);
}

TEST_P(KeyBackendConformance, S6OneCertificateCannotBuyManyReplies) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  Tally flood;
  WorkOptions reply = In(milliseconds(200));
  reply.work_class = WorkClass::kReply;
  reply.fairness = "the certificate of a peer";
  for (int i = 0; i < 20; ++i) {
    backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, kDigest, reply, flood.Done());
  }
  EXPECT_OK(Sign(key, SignatureScheme::kEcdsaSha256, kDigest));
  ASSERT_TRUE(Comes([&] { return flood.Total() == 20; }));
  EXPECT_THAT(flood.Of(absl::StatusCode::kOk), ::testing::AllOf(::testing::Ge(1), ::testing::Le(4)));
  EXPECT_EQ(flood.Of(absl::StatusCode::kOk) + flood.Of(absl::StatusCode::kDeadlineExceeded), 20);
}

TEST_P(KeyBackendConformance, ServesEightThreadsAtOnceAndMixesUpNothing) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<SealedKey> keys(3);
  ASSERT_OK_AND_ASSIGN(keys[0], Create(KeyAlgorithm::kEcP256));
  ASSERT_OK_AND_ASSIGN(keys[1], Create(KeyAlgorithm::kRsa2048));
  ASSERT_OK_AND_ASSIGN(keys[2], Create(KeyAlgorithm::kEcP256));
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const SealedKey& key = keys[(thread + i) % keys.size()];
        const SignatureScheme scheme = SchemesOf(key.algorithm)[0];
        const std::string digest = DigestNumber(thread * 256 + i);
        const auto signature = Sign(key, scheme, digest);
        if (signature.ok() && Verify(key, scheme, digest, *signature).ok()) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kEach);
}

TEST_P(KeyBackendConformance, ACompletionMaySubmitTheNextWork) {
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(KeyAlgorithm::kEcP256));
  std::atomic<int> signatures = 0;
  std::function<void(absl::StatusOr<Signature>)> next = [&](const absl::StatusOr<Signature>& result) {
    if (!result.ok() || ++signatures == 10) return;
    backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, kDigest, In(minutes(1)), next);
  };
  next(Signature{});
  EXPECT_TRUE(Comes([&] { return signatures == 10; }));
}

TEST_P(KeyBackendConformance, TellsAboutItself) {
  EXPECT_THAT(backend_->kind(), AnyOf(Eq("software"), Eq("tpm2"), Eq("pkcs11"), Eq("fake")));
  EXPECT_FALSE(backend_->protection().empty());
  EXPECT_TRUE(WaitFor([&] { return backend_->Health().healthy; })) << backend_->Health().problem;
  EXPECT_EQ(backend_->Health().problem, "");
  EXPECT_NE(backend_->Health().device, "");
}

}  // namespace ddskey::test
