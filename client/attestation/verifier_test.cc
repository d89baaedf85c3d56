// That nothing in an attestation can be altered, by somebody in between or by whoever signs it.

#include "client/attestation/verifier.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "client/attestation/tpm_structures.h"
#include "test/support/forged_tpm.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey::attestation {
namespace {

using test::ForgedTpm;
using test::StatusIs;
using test::TestKey;
using test::TestKeyType;
using ::testing::AnyOf;
using ::testing::HasSubstr;

using Draft = ForgedTpm::Draft;

class VerifierTest : public ::testing::Test {
 protected:
  Expectations Usual(const ForgedTpm& tpm) const {
    Expectations expectations;
    expectations.nonce = std::string(32, 'n');
    expectations.trust.roots = tpm.roots();
    return expectations;
  }
  absl::StatusOr<Verdict> Check(const v1::AttestationBundle& bundle) const {
    return Verify(bundle, Usual(tpm_), absl::Now());
  }
  // Refused is that an attestation is refused because of `why`.
  void ExpectRefused(const Draft& draft, const std::string& why) const {
    EXPECT_THAT(Check(tpm_.Sign(draft)), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(why)));
  }

  const ForgedTpm tpm_;
};

TEST_F(VerifierTest, S11TakesWhatATpmSays) {
  for (const TestKeyType type : {TestKeyType::kRsa2048, TestKeyType::kEcP256}) {
    const ForgedTpm tpm(type);
    const v1::AttestationBundle bundle = tpm.Sign(tpm.Good());
    ASSERT_OK_AND_ASSIGN(const v1::AttestationBundle read, ParseBundle(bundle.SerializeAsString()));
    ASSERT_OK_AND_ASSIGN(const Verdict verdict, Verify(read, Usual(tpm), absl::Now()));
    EXPECT_EQ(verdict.request.subject_text(), "CN=talker,O=Lab");
    EXPECT_EQ(verdict.purpose, "handshake");
    EXPECT_FALSE(verdict.imported);
    EXPECT_EQ(verdict.ek_sha256, Sha256(tpm.endorsement().public_key()));
    EXPECT_EQ(verdict.ak_name, NameOf(tpm.Good().ak));
  }
}

// What is refused of a bundle in which one octet of a field was changed, by the name of the field.
const std::map<std::string, std::vector<std::string>>& Reasons() {
  static const auto& reasons = *new std::map<std::string, std::vector<std::string>>{
      {"version", {"form that is not known"}},
      {"identity", {"another nonce, identity, request"}},
      {"nonce", {"made for another nonce"}},
      {"csr", {"certification request"}},
      {"ek_certificates", {"endorsement certificate", "certificate of the bundle", "root"}},
      {"ek_public", {"endorsement key"}},
      {"ak_public", {"attestation key"}},
      {"key_public", {"certified"}},
      {"certify_info", {"what the TPM says about the key is not signed"}},
      {"certify_signature", {"what the TPM says about the key"}},
      {"quote_info", {"the quote of the registers is not signed"}},
      {"quote_signature", {"quote of the registers"}},
      {"index", {"other registers", "not in order"}},
      {"sha256", {"not those quoted", "not in order"}},
  };
  return reasons;
}

// Walk alters each field of `bundle` in turn, in several ways, and calls `altered` with its name.
void Walk(google::protobuf::Message& message, const std::function<void(const std::string&)>& altered) {
  const google::protobuf::Reflection& access = *message.GetReflection();
  const google::protobuf::Descriptor& fields = *message.GetDescriptor();
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* const field = fields.field(i);
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int at = 0; at < access.FieldSize(message, field); ++at) {
        Walk(*access.MutableRepeatedMessage(&message, field, at), altered);
      }
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT32) {
      const uint32_t before = access.GetUInt32(message, field);
      access.SetUInt32(&message, field, before + 8);
      altered(field->name());
      access.SetUInt32(&message, field, before);
    } else {
      const bool repeated = field->is_repeated();
      const std::string before =
          repeated ? access.GetRepeatedString(message, field, 0) : access.GetString(message, field);
      const auto put = [&](const std::string& value) {
        repeated ? access.SetRepeatedString(&message, field, 0, value) : access.SetString(&message, field, value);
      };
      // Every eleventh octet, so that the tests of a long field reach each kind of place.
      for (size_t at = 0; at < before.size(); at += 11) {
        std::string changed = before;
        changed[at] = static_cast<char>(changed[at] ^ 0x01);
        put(changed);
        altered(field->name());
      }
      for (const std::string& changed : {std::string(), before.substr(1), before + 'x', before + before}) {
        put(changed);
        altered(field->name());
      }
      put(before);
    }
  }
}

TEST_F(VerifierTest, S11RefusesAnAlterationOfAnyFieldForTheRightReason) {
  v1::AttestationBundle bundle = tpm_.Sign(tpm_.Good());
  std::map<std::string, int> seen;
  Walk(bundle, [&](const std::string& field) {
    ++seen[field];
    const absl::Status status = Check(bundle).status();
    bool right = false;
    for (const std::string& reason : Reasons().at(field)) {
      right = right || status.message().find(reason) != absl::string_view::npos;
    }
    EXPECT_TRUE(!status.ok() && right) << field << ": " << status;
    EXPECT_THAT(status.code(), AnyOf(absl::StatusCode::kFailedPrecondition, absl::StatusCode::kInvalidArgument));
  });
  ASSERT_OK(Check(bundle));
  EXPECT_EQ(seen.size(), Reasons().size());
}

TEST_F(VerifierTest, S11RefusesAttestationKeysThatAreNone) {
  const std::vector<std::tuple<TPMA_OBJECT, bool, std::string>> cases = {
      {TPMA_OBJECT_RESTRICTED, false, "not restricted"},
      {TPMA_OBJECT_SIGN_ENCRYPT, false, "not one that signs"},
      {TPMA_OBJECT_DECRYPT, true, "also decrypts"},
      {TPMA_OBJECT_FIXEDTPM, false, "not fixed to its TPM"},
      {TPMA_OBJECT_FIXEDPARENT, false, "not fixed to its parent"},
      {TPMA_OBJECT_SENSITIVEDATAORIGIN, false, "not made in its TPM"},
  };
  for (const auto& [bit, set, why] : cases) {
    Draft draft = tpm_.Good();
    draft.ak.objectAttributes = set ? draft.ak.objectAttributes | bit : draft.ak.objectAttributes & ~bit;
    ExpectRefused(draft, "the attestation key");
    ExpectRefused(draft, why);
  }
  Draft draft = tpm_.Good();
  draft.ak.nameAlg = TPM2_ALG_SHA384;
  ExpectRefused(draft, "ECDSA on P-256");
  draft = tpm_.Good();
  draft.ak.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  ExpectRefused(draft, "ECDSA on P-256");
  draft = tpm_.Good();
  draft.ak.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA1;
  ExpectRefused(draft, "ECDSA on P-256");
}

TEST_F(VerifierTest, S11RefusesEndorsementKeysThatAreNotOfTheTemplates) {
  const std::vector<std::function<void(TPMT_PUBLIC&)>> changes = {
      [](TPMT_PUBLIC& ek) { ek.objectAttributes &= ~TPMA_OBJECT_RESTRICTED; },
      [](TPMT_PUBLIC& ek) { ek.objectAttributes &= ~TPMA_OBJECT_FIXEDTPM; },
      [](TPMT_PUBLIC& ek) { ek.objectAttributes &= ~TPMA_OBJECT_ADMINWITHPOLICY; },
      [](TPMT_PUBLIC& ek) { ek.objectAttributes |= TPMA_OBJECT_USERWITHAUTH; },
      [](TPMT_PUBLIC& ek) { ek.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT; },
      [](TPMT_PUBLIC& ek) { ek.authPolicy.buffer[0] ^= 1; },
      [](TPMT_PUBLIC& ek) { ek.parameters.rsaDetail.symmetric.mode.aes = TPM2_ALG_CBC; },
      [](TPMT_PUBLIC& ek) { ek.parameters.rsaDetail.exponent = 65537; },
  };
  for (const auto& change : changes) {
    Draft draft = tpm_.Good();
    change(draft.ek);
    ExpectRefused(draft, "templates L-1");
  }
  Draft draft = tpm_.Good();
  draft.ek.unique = ForgedTpm::AreaOf(TestKey::Generate(TestKeyType::kRsa2048)).unique;
  ExpectRefused(draft, "not that of its certificate");
}

TEST_F(VerifierTest, S11RefusesEndorsementCertificatesOfOthersAndForOtherThings) {
  const auto with = [&](const std::string& der) {
    Draft draft = tpm_.Good();
    draft.ek_certificates = {der};
    return draft;
  };
  const test::CertificateOptions good = ForgedTpm::EkOptions(TestKeyType::kRsa2048);
  ExpectRefused(with(ForgedTpm().Good().ek_certificates.front()), "certificate signature failure");
  ExpectRefused(
      with(test::DerOf(test::TestCa::Root("another manufacturer").Issue(tpm_.endorsement().public_key(), good))),
      "unable to get local issuer certificate");
  test::CertificateOptions options = good;
  options.not_after = absl::Now() - absl::Hours(1);
  ExpectRefused(with(tpm_.Certificate(options)), "expired");
  options = good;
  options.extensions[0].second = "critical,CA:TRUE";
  options.extensions[1].second = "critical,keyEncipherment,keyCertSign";
  ExpectRefused(with(tpm_.Certificate(options)), "is that of a CA");
  options = good;
  options.extensions[1].second = "critical,digitalSignature";
  ExpectRefused(with(tpm_.Certificate(options)), "does not decrypt");
  options = good;
  options.extensions[2].second = "2.23.133.8.3";
  ExpectRefused(with(tpm_.Certificate(options)), "something else than an endorsement key");
  Draft none = tpm_.Good();
  none.ek_certificates.clear();
  ExpectRefused(none, "no endorsement certificate");
  // A genuine one of another TPM of the same manufacturer.
  const TestKey other = TestKey::Generate(TestKeyType::kRsa2048);
  ExpectRefused(with(test::DerOf(tpm_.manufacturer().Issue(other.public_key(), good))), "not that of its certificate");
}

TEST_F(VerifierTest, S11GoesByIntermediateCertificatesAndRevocationLists) {
  const test::TestCa intermediate = tpm_.manufacturer().Intermediate("TPM factory");
  const std::string pem =
      intermediate.Issue(tpm_.endorsement().public_key(), ForgedTpm::EkOptions(TestKeyType::kRsa2048));
  Draft draft = tpm_.Good();
  draft.ek_certificates = {test::DerOf(pem)};
  ExpectRefused(draft, "unable to get local issuer certificate");
  draft.ek_certificates.push_back(test::DerOf(intermediate.certificate()));
  const v1::AttestationBundle bundle = tpm_.Sign(draft);
  EXPECT_OK(Check(bundle));
  Expectations expectations = Usual(tpm_);
  expectations.trust.roots = intermediate.certificate();
  EXPECT_OK(Verify(bundle, expectations, absl::Now())) << "a pinned CA below the root will do";
  expectations.trust.revocation_lists = intermediate.Crl({});
  EXPECT_OK(Verify(bundle, expectations, absl::Now()));
  expectations.trust.revocation_lists = intermediate.Crl({pem});
  EXPECT_THAT(Verify(bundle, expectations, absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("revoked")));
  expectations.trust.revocation_lists = tpm_.manufacturer().Crl({});
  EXPECT_THAT(Verify(bundle, expectations, absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("CRL")));
}

TEST_F(VerifierTest, S11RefusesATpmThatIsNotListedForTheSubject) {
  const v1::AttestationBundle bundle = tpm_.Sign(tpm_.Good());
  const std::string digest = absl::BytesToHexString(Sha256(tpm_.endorsement().public_key()));
  const auto check = [&](const std::string& text) {
    Expectations expectations = Usual(tpm_);
    expectations.list = *EkList::Parse(text);
    return Verify(bundle, expectations, absl::Now()).status();
  };
  EXPECT_OK(check("# robots\n\n" + digest + "\tCN=talker,O=Lab\n"));
  EXPECT_OK(check(digest + " CN=other,O=Lab\n" + digest + " CN=talker,O=Lab"));
  EXPECT_THAT(check(digest + " CN=other,O=Lab\n"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("only for other subjects")));
  EXPECT_THAT(check(std::string(64, 'a') + " CN=talker,O=Lab\n"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(digest + " CN=talker,O=Lab")));
  EXPECT_THAT(check(""), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not listed")));
  for (const char* bad : {"abc CN=x", "CN=x", "\n\nx", "00112233"}) EXPECT_FALSE(EkList::Parse(bad).ok()) << bad;
  EXPECT_FALSE(EkList::Parse(digest).ok());
  EXPECT_FALSE(EkList::Parse(digest + "0 CN=x").ok());
}

TEST_F(VerifierTest, S11RefusesAnotherKeysCertification) {
  Draft draft = tpm_.Good();
  draft.alter_certify = [](TPMS_ATTEST& statement) { statement.attested.certify.name.name[5] ^= 1; };
  ExpectRefused(draft, "certified another key");
  draft = tpm_.Good();
  draft.csr = ForgedTpm::Request(TestKey::Generate(), "talker");
  ExpectRefused(draft, "not the one of the request");
  // The key of the request with attributes that it does not have.
  draft = tpm_.Good();
  const std::string name = NameOf(draft.key);
  draft.key.objectAttributes |= TPMA_OBJECT_NODA;
  draft.alter_certify = [&](TPMS_ATTEST& statement) {
    std::copy(name.begin(), name.end(), statement.attested.certify.name.name);
  };
  ExpectRefused(draft, "with other attributes");
}

TEST_F(VerifierTest, S11RefusesStatementsThatATpmDidNotMakeOrMadeAboutSomethingElse) {
  const std::vector<std::pair<std::function<void(TPMS_ATTEST&)>, std::string>> cases = {
      {[](TPMS_ATTEST& statement) { statement.magic ^= 1; }, "not made by a TPM"},
      {[](TPMS_ATTEST& statement) { statement.extraData.buffer[3] ^= 1; }, "another nonce, identity"},
      {[](TPMS_ATTEST& statement) { statement.extraData.size = 0; }, "another nonce, identity"},
  };
  for (const auto& [alter, why] : cases) {
    Draft draft = tpm_.Good();
    draft.alter_certify = alter;
    ExpectRefused(draft, "what the TPM says about the key");
    ExpectRefused(draft, why);
    draft = tpm_.Good();
    draft.alter_quote = alter;
    ExpectRefused(draft, "the quote of the registers");
    ExpectRefused(draft, why);
  }
  v1::AttestationBundle swapped = tpm_.Sign(tpm_.Good());
  swapped.mutable_certify_info()->swap(*swapped.mutable_quote_info());
  swapped.mutable_certify_signature()->swap(*swapped.mutable_quote_signature());
  EXPECT_THAT(Check(swapped), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another statement")));
}

TEST_F(VerifierTest, S11SaysThatAKeyWasImportedAndRefusesItUnlessToldTo) {
  Draft draft = tpm_.Good();
  constexpr TPMA_OBJECT kMade = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;
  draft.key.objectAttributes &= ~kMade;
  ExpectRefused(draft, "was imported into the TPM");
  Expectations expectations = Usual(tpm_);
  expectations.accept_imported = true;
  ASSERT_OK_AND_ASSIGN(const Verdict verdict, Verify(tpm_.Sign(draft), expectations, absl::Now()));
  EXPECT_TRUE(verdict.imported);
  // One that can be taken out later, or has a copy, is neither.
  draft.key.objectAttributes |= TPMA_OBJECT_SENSITIVEDATAORIGIN;
  EXPECT_THAT(Verify(tpm_.Sign(draft), expectations, absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("may have been copied")));
}

TEST_F(VerifierTest, S11RefusesKeysThatAreForSomethingElse) {
  for (const TPMA_OBJECT bit : {TPMA_OBJECT_RESTRICTED, TPMA_OBJECT_DECRYPT, TPMA_OBJECT_SIGN_ENCRYPT}) {
    Draft draft = tpm_.Good();
    draft.key.objectAttributes ^= bit;
    ExpectRefused(draft, "the certified key");
  }
}

TEST_F(VerifierTest, S11ComparesRegistersWithWhatTheyMustBe) {
  const v1::AttestationBundle bundle = tpm_.Sign(tpm_.Good());
  Expectations expectations = Usual(tpm_);
  expectations.pcrs = {{0, std::string(32, '0')}, {7, std::string(32, '7')}};
  EXPECT_OK(Verify(bundle, expectations, absl::Now()));
  expectations.pcrs[7] = std::string(32, 'x');
  EXPECT_THAT(Verify(bundle, expectations, absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("register 7 is 3737")));
  expectations.pcrs = {{8, std::string(32, 'x')}};
  EXPECT_THAT(Verify(bundle, expectations, absl::Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("register 8 is not quoted")));
  v1::AttestationBundle fewer = bundle;
  fewer.mutable_pcrs()->RemoveLast();
  EXPECT_THAT(Check(fewer), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("other registers")));
}

TEST_F(VerifierTest, RefusesFieldsThatItDoesNotKnow) {
  const std::string octets = tpm_.Sign(tpm_.Good()).SerializeAsString();
  EXPECT_OK(ParseBundle(octets));
  // Field 100, a number.
  EXPECT_FALSE(ParseBundle(octets + "\xa0\x06\x01").ok());
  EXPECT_FALSE(ParseBundle("").ok());
  EXPECT_FALSE(ParseBundle(octets.substr(0, octets.size() - 1)).ok());
}

}  // namespace
}  // namespace ddskey::attestation
