#include "daemon/handshake/modp_2048.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>

#include <string>

#include "daemon/handshake/evp_pointers.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::StartsWith;

constexpr size_t kPrimeSize = 256;

// Arithmetic of the group, by the numbers alone.
class Modp2048Test : public ::testing::Test {
 protected:
  Modp2048Test() {
    char group[] = "dh_2048_256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0), OSSL_PARAM_END};
    const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "DHX", nullptr));
    EVP_PKEY* raw = nullptr;
    EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEY_PARAMETERS, params), 1);
    const PkeyPtr key(raw);
    p_ = Number(key.get(), OSSL_PKEY_PARAM_FFC_P);
    q_ = Number(key.get(), OSSL_PKEY_PARAM_FFC_Q);
    g_ = Number(key.get(), OSSL_PKEY_PARAM_FFC_G);
  }

  static BignumPtr Number(EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
    return BignumPtr(number);
  }
  static BignumPtr Small(BN_ULONG word) {
    BignumPtr number(BN_new());
    EXPECT_EQ(BN_set_word(number.get(), word), 1);
    return number;
  }
  static BignumPtr FromOctets(std::string_view octets) {
    return BignumPtr(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(octets.data()), static_cast<int>(octets.size()), nullptr));
  }
  BignumPtr Power(const BIGNUM* base, const BIGNUM* exponent) const {
    BignumPtr result(BN_new());
    EXPECT_EQ(BN_mod_exp(result.get(), base, exponent, p_.get(), context_.get()), 1);
    return result;
  }
  BignumPtr Times(const BIGNUM* a, const BIGNUM* b) const {
    BignumPtr result(BN_new());
    EXPECT_EQ(BN_mod_mul(result.get(), a, b, p_.get(), context_.get()), 1);
    return result;
  }
  // Octets of the number without leading zeros, as Fast DDS sends it.
  static std::string Trimmed(const BIGNUM* number) {
    std::string octets(static_cast<size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(octets.data()));
    return octets;
  }
  static std::string Padded(const BIGNUM* number) {
    const std::string octets = Trimmed(number);
    return std::string(kPrimeSize - octets.size(), '\0') + octets;
  }
  // The ASN.1 INTEGER, as Cyclone DDS sends it.
  static std::string Integer(const BIGNUM* number) {
    const Asn1IntegerPtr integer(BN_to_ASN1_INTEGER(number, nullptr));
    std::string der(static_cast<size_t>(i2d_ASN1_INTEGER(integer.get(), nullptr)), '\0');
    auto* at = reinterpret_cast<unsigned char*>(der.data());
    i2d_ASN1_INTEGER(integer.get(), &at);
    return der;
  }
  static std::string Hash(const std::string& octets) {
    std::string hash(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(octets.data()), octets.size(),
           reinterpret_cast<unsigned char*>(hash.data()));
    return hash;
  }
  std::string Derive(const EphemeralKey& own, std::string_view peer) const {
    const auto secret = modp_.Derive(own.private_value, own.public_value, "dh2", peer);
    EXPECT_OK(secret.status());
    if (!secret.ok()) return "";
    const auto octets = secret->Reveal(SecretAccess());
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
  }
  void ExpectRefused(const std::string& public_value) const {
    EXPECT_THAT(modp_.GenerateAnswer("dh1", public_value),
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[dh1]")));
    ASSERT_OK_AND_ASSIGN(const EphemeralKey own, modp_.Generate());
    EXPECT_THAT(modp_.Derive(own.private_value, own.public_value, "dh2", public_value),
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[dh2]")));
  }
  void ExpectRefusedInBothForms(const BIGNUM* number) const {
    SCOPED_TRACE(BN_num_bits(number));
    if (BN_num_bits(number) <= 2048) ExpectRefused(Padded(number));
    ExpectRefused(Integer(number));
  }

  std::unique_ptr<BN_CTX, EvpDeleter<BN_CTX_free>> context_{BN_CTX_new()};
  BignumPtr p_;
  BignumPtr q_;
  BignumPtr g_;
  Modp2048 modp_;
};

TEST_F(Modp2048Test, BothSidesAgreeInEitherForm) {
  for (const bool as_integer : {false, true}) {
    ASSERT_OK_AND_ASSIGN(EphemeralKey initiator, modp_.Generate());
    EXPECT_EQ(initiator.public_value.size(), kPrimeSize) << "an initiator sends the octets of the number";
    if (as_integer) initiator.public_value = Integer(FromOctets(initiator.public_value).get());
    ASSERT_OK_AND_ASSIGN(const EphemeralKey replier, modp_.GenerateAnswer("dh1", initiator.public_value));
    EXPECT_EQ(Derive(initiator, replier.public_value), Derive(replier, initiator.public_value));
  }
}

TEST_F(Modp2048Test, ARepliersPublicValueHasTheFormOfTheInitiators) {
  ASSERT_OK_AND_ASSIGN(const EphemeralKey initiator, modp_.Generate());
  ASSERT_OK_AND_ASSIGN(const EphemeralKey octets, modp_.GenerateAnswer("dh1", initiator.public_value));
  EXPECT_EQ(octets.public_value.size(), kPrimeSize);
  const std::string integer = Integer(FromOctets(initiator.public_value).get());
  ASSERT_OK_AND_ASSIGN(const EphemeralKey answer, modp_.GenerateAnswer("dh1", integer));
  const auto* at = reinterpret_cast<const unsigned char*>(answer.public_value.data());
  const Asn1IntegerPtr parsed(d2i_ASN1_INTEGER(nullptr, &at, static_cast<long>(answer.public_value.size())));
  ASSERT_NE(parsed, nullptr);
  const BignumPtr number(ASN1_INTEGER_to_BN(parsed.get(), nullptr));
  EXPECT_EQ(Integer(number.get()), answer.public_value);
}

TEST_F(Modp2048Test, AgreesOnTheNumberThatArithmeticGives) {
  ASSERT_OK_AND_ASSIGN(const EphemeralKey own, modp_.Generate());
  const BignumPtr exponent = Small(65537);
  const BignumPtr peer = Power(g_.get(), exponent.get());
  const BignumPtr agreed = Power(FromOctets(own.public_value).get(), exponent.get());
  EXPECT_EQ(Derive(own, Padded(peer.get())), Hash(Trimmed(agreed.get())));
}

TEST_F(Modp2048Test, ReadsAPublicValueWithLeadingZerosInEveryForm) {
  BignumPtr peer = Power(g_.get(), Small(2).get());
  while (BN_num_bytes(peer.get()) == static_cast<int>(kPrimeSize)) peer = Times(peer.get(), g_.get());
  ASSERT_LT(Trimmed(peer.get()).size(), kPrimeSize);
  ASSERT_OK_AND_ASSIGN(const EphemeralKey own, modp_.Generate());
  const std::string secret = Derive(own, Padded(peer.get()));
  EXPECT_EQ(Derive(own, Trimmed(peer.get())), secret);
  EXPECT_EQ(Derive(own, Integer(peer.get())), secret);
  EXPECT_TRUE(modp_.Same(Trimmed(peer.get()), Integer(peer.get())));
  EXPECT_FALSE(modp_.Same(Trimmed(peer.get()), own.public_value));
}

TEST_F(Modp2048Test, HashesASecretWithoutItsLeadingZeros) {
  // As Cyclone DDS, Fast DDS and OpenDDS do; with padding, one handshake in 256 would end in two secrets.
  ASSERT_OK_AND_ASSIGN(const EphemeralKey own, modp_.Generate());
  const BignumPtr own_public = FromOctets(own.public_value);
  BignumPtr peer = Power(g_.get(), Small(2).get());
  BignumPtr agreed = Power(own_public.get(), Small(2).get());
  while (BN_num_bytes(agreed.get()) == static_cast<int>(kPrimeSize)) {
    peer = Times(peer.get(), g_.get());
    agreed = Times(agreed.get(), own_public.get());
  }
  EXPECT_EQ(Derive(own, Padded(peer.get())), Hash(Trimmed(agreed.get())));
}

TEST_F(Modp2048Test, AValueThatHasBothFormsIsRefusedWhenItIsAnElementInNeither) {
  // A number of 253 octets makes an INTEGER of 256. One of the subgroup is not to be found: they are one in 2^24.
  const BignumPtr number = FromOctets("\x55" + std::string(252, 'x'));
  const std::string integer = Integer(number.get());
  ASSERT_EQ(integer.size(), kPrimeSize);
  ExpectRefused(integer);
  EXPECT_TRUE(modp_.Same(integer, Padded(number.get())));
  EXPECT_TRUE(modp_.Same(integer, integer));
}

TEST_F(Modp2048Test, S5RefusesTheTrivialElements) {
  const BignumPtr minus_one(BN_dup(p_.get()));
  ASSERT_EQ(BN_sub_word(minus_one.get(), 1), 1);
  const BignumPtr beyond(BN_dup(p_.get()));
  ASSERT_EQ(BN_add_word(beyond.get(), 4), 1);
  for (const BN_ULONG word : {0, 1}) ExpectRefusedInBothForms(Small(word).get());
  for (const BIGNUM* number : {minus_one.get(), p_.get(), beyond.get()}) ExpectRefusedInBothForms(number);
}

TEST_F(Modp2048Test, S5RefusesElementsOfSmallOrder) {
  BignumPtr order(BN_dup(p_.get()));
  ASSERT_EQ(BN_sub_word(order.get(), 1), 1);
  int found = 0;
  for (const BN_ULONG prime : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79}) {
    if (BN_mod_word(order.get(), prime) != 0) continue;
    BignumPtr cofactor(BN_dup(order.get()));
    BN_div_word(cofactor.get(), prime);
    for (const BN_ULONG base : {2, 3, 5}) {
      const BignumPtr element = Power(Small(base).get(), cofactor.get());
      ASSERT_TRUE(BN_is_one(Power(element.get(), Small(prime).get()).get()));
      if (BN_is_one(element.get())) continue;
      ++found;
      ExpectRefusedInBothForms(element.get());
    }
  }
  EXPECT_GT(found, 1) << "the group has more small subgroups than that of p - 1";
}

TEST_F(Modp2048Test, S5RefusesElementsOutsideTheSubgroupOfOrderQ) {
  const BignumPtr minus_one(BN_dup(p_.get()));
  ASSERT_EQ(BN_sub_word(minus_one.get(), 1), 1);
  const BignumPtr minus_g = Times(g_.get(), minus_one.get());
  ASSERT_FALSE(BN_is_one(Power(minus_g.get(), q_.get()).get()));
  ExpectRefusedInBothForms(minus_g.get());
  ExpectRefusedInBothForms(Small(2).get());
}

TEST_F(Modp2048Test, S5RefusesWhatIsNoPublicValue) {
  const std::string good = Padded(Power(g_.get(), Small(3).get()).get());
  const std::string integer = Integer(FromOctets(good).get());
  ExpectRefused("");
  ExpectRefused(good + '\0');
  ExpectRefused('\0' + good);
  ExpectRefused(integer + '\0');
  ExpectRefused(integer.substr(0, integer.size() - 1));
  // A negative INTEGER, and one of indefinite length.
  ExpectRefused(std::string("\x02\x01\xff", 3));
  ExpectRefused("\x02\x80" + good);
  ExpectRefused(std::string(300, '\xff'));
}

}  // namespace
}  // namespace ddskey
