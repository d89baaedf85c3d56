#include "daemon/trust/trust_store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using test::TestCa;
using test::TestKey;
using test::TestKeyType;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string DigestOf(const std::vector<std::string>& anchors, const std::vector<std::string>& lists) {
  const auto store = TrustStore::Parse(anchors, lists);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? (*store)->digest() : std::string();
}

class TrustStoreTest : public testing::Test {
 protected:
  const TestCa root_ = TestCa::Root("root");
  const TestCa other_ = TestCa::Root("other");
  const TestCa intermediate_ = root_.Intermediate("intermediate");
};

TEST_F(TrustStoreTest, TakesSeveralAnchorsInOneDocumentOrInSeveral) {
  ASSERT_OK_AND_ASSIGN(
      const auto store,
      TrustStore::Parse({root_.certificate() + other_.certificate(), intermediate_.certificate()}, {}));
  ASSERT_EQ(store->anchors().size(), 3U);
  EXPECT_EQ(store->anchors()[1].subject(), "CN=other,O=Lab");
}

TEST_F(TrustStoreTest, S8ItsDigestDependsOnTheContentAndNotOnTheOrder) {
  const std::string a = root_.certificate();
  const std::string b = other_.certificate();
  const std::string list = root_.Crl({});
  const std::string digest = DigestOf({a, b}, {list});
  EXPECT_EQ(digest.size(), 32U);
  EXPECT_EQ(DigestOf({b + a}, {list}), digest);
  EXPECT_EQ(DigestOf({b, a, a}, {list + list}), digest);
  EXPECT_NE(DigestOf({a, b}, {}), digest);
  EXPECT_NE(DigestOf({a}, {list}), digest);
  EXPECT_NE(DigestOf({a, b}, {list, other_.Crl({})}), digest);
}

TEST_F(TrustStoreTest, NeedsAnAnchor) {
  EXPECT_THAT(TrustStore::Parse({}, {}), StatusIs(kInvalid, HasSubstr("no identity CA")));
  EXPECT_THAT(TrustStore::Parse({root_.certificate(), ""}, {}), StatusIs(kInvalid, HasSubstr("document 2")));
  EXPECT_THAT(TrustStore::Parse({test::MalformedPem(root_.certificate())}, {}),
              StatusIs(kInvalid, HasSubstr("malformed")));
}

TEST_F(TrustStoreTest, S13KeepsItsLimits) {
  EXPECT_THAT(TrustStore::Parse({root_.certificate(), std::string(64 * 1024, ' ')}, {}),
              StatusIs(kInvalid, HasSubstr("exceed 65536 octets")));
  EXPECT_THAT(TrustStore::Parse({root_.certificate()}, {std::string(8 * 1024 * 1024 + 1, ' ')}),
              StatusIs(kInvalid, HasSubstr("exceed 8388608 octets")));
}

TEST_F(TrustStoreTest, S13AcceptsAuthoritiesOfStrongNamedKeysOnly) {
  for (const TestKeyType good : {TestKeyType::kEcP256, TestKeyType::kEcP384, TestKeyType::kRsa2048}) {
    EXPECT_OK(TrustStore::Parse({TestCa::Root("CA", good).certificate()}, {}));
  }
  for (const TestKeyType bad :
       {TestKeyType::kRsa1024, TestKeyType::kRsaExponent3, TestKeyType::kEcExplicit, TestKeyType::kEd25519}) {
    EXPECT_THAT(TrustStore::Parse({TestCa::Root("CA", bad).certificate()}, {}),
                StatusIs(kInvalid, HasSubstr("key that is not accepted")));
  }
}

TEST_F(TrustStoreTest, RefusesAnchorsThatAreNoAuthorities) {
  const std::string leaf = root_.Issue(TestKey::Generate().public_key());
  EXPECT_THAT(TrustStore::Parse({leaf}, {}),
              StatusIs(kInvalid, HasSubstr("CN=participant,O=Lab is not that of a cert")));
  const TestCa said_no = TestCa::Root("no", TestKeyType::kEcP256, {.extensions = {{"basicConstraints", "CA:FALSE"}}});
  EXPECT_THAT(TrustStore::Parse({said_no.certificate()}, {}), StatusIs(kInvalid));
}

TEST_F(TrustStoreTest, RefusesRevocationListsItCannotTrust) {
  const auto parse = [this](const std::string& list) { return TrustStore::Parse({root_.certificate()}, {list}); };
  EXPECT_OK(parse(root_.Crl({})));
  EXPECT_THAT(parse(other_.Crl({})), StatusIs(kInvalid, HasSubstr("CN=other,O=Lab was not issued by")));
  EXPECT_THAT(parse(TestCa::Root("root").Crl({})), StatusIs(kInvalid, HasSubstr("signature that does not verify")));
  EXPECT_THAT(parse(root_.certificate()), StatusIs(kInvalid, HasSubstr("labelled \"CERTIFICATE\"")));
  EXPECT_THAT(parse(test::MalformedPem(root_.Crl({}))), StatusIs(kInvalid, HasSubstr("malformed")));
  EXPECT_THAT(parse(""), StatusIs(kInvalid, HasSubstr("document 1")));
}

TEST_F(TrustStoreTest, AListThatIsNotSignedByASelfSignedAnchorDoesNotRevokeIt) {
  const test::TestCa ca = test::TestCa::Root("identity CA");
  const test::TestCa namesake = test::TestCa::Root("identity CA");
  const auto with = [&ca](const test::TestCa& issuer) {
    const std::string list = issuer.Crl({ca.certificate()}, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1),
                                        {{"authorityKeyIdentifier", "keyid:always"}});
    return TrustStore::Parse({ca.certificate()}, {list}, OtherIssuers::kAccept);
  };
  ASSERT_OK_AND_ASSIGN(const auto forged, with(namesake));
  EXPECT_FALSE(forged->IsRevokedAnchor(forged->anchors().front().x509()));
  ASSERT_OK_AND_ASSIGN(const auto genuine, with(ca));
  EXPECT_TRUE(genuine->IsRevokedAnchor(genuine->anchors().front().x509()));
}

TEST_F(TrustStoreTest, RefusesDeltaLists) {
  const std::string delta =
      root_.Crl({}, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1), {{"2.5.29.27", "critical,DER:020101"}});
  EXPECT_THAT(TrustStore::Parse({root_.certificate()}, {delta}), StatusIs(kInvalid, HasSubstr("delta")));
}

}  // namespace
}  // namespace ddskey
