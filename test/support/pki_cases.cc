#include "test/support/pki_cases.h"

#include <initializer_list>
#include <utility>

#include "test/support/pki.h"

namespace ddskey::test {
namespace {

using Extensions = std::vector<std::pair<std::string, std::string>>;

constexpr char kRefused[] = "[issuer]";
constexpr ValidationOptions kStrict = {.key_usage = Strictness::kRequire,
                                       .missing_revocation_list = Strictness::kRequire,
                                       .outdated_revocation_list = Strictness::kRequire};
constexpr ValidationOptions kLax = {.key_usage = Strictness::kIgnore,
                                    .missing_revocation_list = Strictness::kIgnore,
                                    .outdated_revocation_list = Strictness::kIgnore};
constexpr ValidationOptions kTalkative = {.key_usage = Strictness::kWarn,
                                          .missing_revocation_list = Strictness::kWarn,
                                          .outdated_revocation_list = Strictness::kWarn};

std::string Join(std::initializer_list<std::string> documents) {
  std::string joined;
  for (const std::string& document : documents) joined += document;
  return joined;
}

// The extensions of a CA, with others or instead of the usual ones.
Extensions Authority(const Extensions& more, const std::string& usage = "critical,keyCertSign,cRLSign",
                     const std::string& constraints = "critical,CA:TRUE") {
  Extensions all = {{"basicConstraints", constraints}, {"subjectKeyIdentifier", "hash"}};
  if (!usage.empty()) all.emplace_back("keyUsage", usage);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// Maker makes the cases, of a root, an intermediate CA and a leaf each.
class Maker {
 public:
  explicit Maker(absl::Time now) : now_(now) {}

  std::vector<PkiCase> Make() {
    MakeDates();
    MakeIssuers();
    MakeAuthorities();
    MakeConstraints();
    MakeKeys();
    MakeRevoked();
    MakeLists();
    MakeUsages();
    MakeReKeyed();
    MakeForms();
    return std::move(cases_);
  }

 private:
  std::string Leaf(const TestCa& ca, const CertificateOptions& options = {}) {
    return ca.Issue(key_.public_key(), options);
  }
  CertificateOptions Until(absl::Time end) const { return {.not_after = end}; }
  CertificateOptions From(absl::Time begin) const { return {.not_before = begin}; }

  // Under adds a case whose only anchor is the root.
  void Under(const std::string& name, const std::string& chain, const std::string& check,
             const std::vector<std::string>& lists = {}, const ValidationOptions& options = {},
             const std::vector<std::string>& warnings = {}) {
    cases_.push_back({name, chain, {root_.certificate()}, lists, options, check, warnings});
  }

  // Through adds the case of a leaf of an intermediate CA with `options`.
  void Through(const std::string& name, const CertificateOptions& options, const std::string& check) {
    const TestCa ca = root_.Intermediate("other middle", TestKeyType::kEcP256, options);
    Under(name, Leaf(ca) + ca.certificate(), check);
  }

  void MakeDates() {
    const absl::Time past = now_ - absl::Hours(1);
    const absl::Time future = now_ + absl::Hours(1);
    Under("good leaf of the root", Leaf(root_), "");
    Under("good leaf of the intermediate CA", Leaf(middle_) + middle_.certificate(), "");
    Under("expired leaf", Leaf(root_, Until(past)), "[expired]");
    Under("leaf not yet valid", Leaf(root_, From(future)), "[not_yet_valid]");
    Through("expired intermediate CA", Until(past), "[expired]");
    Through("intermediate CA not yet valid", From(future), "[not_yet_valid]");
    const TestCa old = TestCa::Root("old root", TestKeyType::kEcP256, Until(past));
    const TestCa early = TestCa::Root("early root", TestKeyType::kEcP256, From(future));
    cases_.push_back(
        {.name = "expired root", .chain = Leaf(old), .anchors = {old.certificate()}, .check = "[expired]"});
    cases_.push_back({.name = "root not yet valid",
                      .chain = Leaf(early),
                      .anchors = {early.certificate()},
                      .check = "[not_yet_valid]"});
    const std::string revoked = Leaf(root_, Until(past));
    Under("expired and revoked leaf: dates come first", revoked, "[expired]", {root_.Crl({revoked})});
    const TestCa expired = root_.Intermediate("expired middle", TestKeyType::kEcP256, Until(past));
    Under("expired and revoked intermediate CA", Leaf(expired) + expired.certificate(), "[expired]",
          {root_.Crl({expired.certificate()})});
  }

  void MakeIssuers() {
    const TestCa stranger = TestCa::Root("stranger");
    const TestCa namesake = TestCa::Root("root");
    Under("leaf of a stranger", Leaf(stranger), kRefused);
    Under("leaf of a stranger who comes along", Leaf(stranger) + stranger.certificate(), kRefused);
    Under("leaf of another CA of the root's name", Leaf(namesake), kRefused);
    Under("leaf without its intermediate CA", Leaf(middle_), kRefused);
    Under("leaf signed by another leaf", Leaf(Fake()) + Fake().certificate(), kRefused);
    Under("self-signed leaf", stranger.certificate(), kRefused);
    Under("leaf whose signature is broken", WithBrokenSignature(Leaf(root_)), kRefused);
    Under("intermediate CA whose signature is broken", Leaf(middle_) + WithBrokenSignature(middle_.certificate()),
          kRefused);
    const std::string revoked = Leaf(root_);
    Under("revoked leaf whose signature is broken: revocation comes first", WithBrokenSignature(revoked), "[revoked]",
          {root_.Crl({revoked})});
    cases_.push_back({.name = "leaf of the second of two CAs",
                      .chain = Leaf(stranger),
                      .anchors = {root_.certificate(), stranger.certificate()}});
    cases_.push_back({.name = "leaf of the second of two CAs of one name",
                      .chain = Leaf(namesake),
                      .anchors = {root_.certificate(), namesake.certificate()}});
    cases_.push_back({.name = "leaf of the first of two CAs of one name",
                      .chain = Leaf(root_),
                      .anchors = {root_.certificate(), namesake.certificate()}});
    cases_.push_back(
        {.name = "intermediate CA as the only anchor", .chain = Leaf(middle_), .anchors = {middle_.certificate()}});
    const TestCa upper = root_.Intermediate("upper");
    const TestCa lower = upper.Intermediate("lower");
    Under("intermediate CAs in their order", Join({Leaf(lower), lower.certificate(), upper.certificate()}), "");
    Under("intermediate CAs swapped", Join({Leaf(lower), upper.certificate(), lower.certificate()}), "");
    Under("an intermediate CA of the two is missing", Leaf(lower) + lower.certificate(), kRefused);
  }

  TestCa Fake() const {
    return root_.Intermediate("fake", TestKeyType::kEcP256, {.extensions = {{"keyUsage", "digitalSignature"}}});
  }

  void MakeAuthorities() {
    Through("intermediate that is no CA", {.extensions = {{"basicConstraints", "critical,CA:FALSE"}}}, kRefused);
    Through("intermediate without basicConstraints", {.extensions = {{"keyUsage", "critical,keyCertSign"}}}, kRefused);
    Through("intermediate CA that may not sign certificates", {.extensions = Authority({}, "critical,cRLSign")},
            kRefused);
    const TestCa last =
        root_.Intermediate("last", TestKeyType::kEcP256,
                           {.extensions = Authority({}, "critical,keyCertSign", "critical,CA:TRUE,pathlen:0")});
    const TestCa beyond = last.Intermediate("beyond");
    Under("path as long as it may be", Leaf(last) + last.certificate(), "");
    Under("path longer than a CA on it allows", Join({Leaf(beyond), beyond.certificate(), last.certificate()}),
          kRefused);
    std::string cas;
    TestCa ca = root_;
    for (int i = 0; i < 9; ++i) {
      ca = ca.Intermediate("level " + std::to_string(i));
      cas += ca.certificate();
      if (i == 7) Under("eight intermediate CAs", Leaf(ca) + cas, "");
      if (i == 8) Under("nine intermediate CAs", Leaf(ca) + cas, "[depth]");
    }
  }

  void MakeConstraints() {
    const std::pair<std::string, std::string> unknown = {"1.2.3.4", "critical,DER:0500"};
    Under("leaf with an unknown critical extension", Leaf(root_, {.extensions = {unknown}}), "[critical_extension]");
    Under("leaf with an unknown extension that is not critical", Leaf(root_, {.extensions = {{"1.2.3.4", "DER:0500"}}}),
          "");
    Through("intermediate CA with an unknown critical extension", {.extensions = Authority({unknown})},
            "[critical_extension]");
    const TestCa lab =
        root_.Intermediate("lab", TestKeyType::kEcP256,
                           {.extensions = Authority({{"nameConstraints", "critical,permitted;DNS:lab.example"}})});
    const auto named = [&](const char* name) {
      return Leaf(lab, {.extensions = {{"subjectAltName", name}}}) + lab.certificate();
    };
    Under("leaf with a name that its CA may certify", named("DNS:talker.lab.example"), "");
    Under("leaf with a name that its CA may not certify", named("DNS:talker.example"), "[name_constraints]");
    const Extensions policy = {{"2.5.29.32", "DER:3007300506032a0305"}};
    const TestCa asking = root_.Intermediate(
        "asking", TestKeyType::kEcP256,
        {.extensions = Authority({{"policyConstraints", "critical,requireExplicitPolicy:0"}, policy.front()})});
    Under("leaf with the policy that its CA asks for", Leaf(asking, {.extensions = policy}) + asking.certificate(), "");
    Under("leaf without the policy that its CA asks for", Leaf(asking) + asking.certificate(), "[policy]");
  }

  void MakeKeys() {
    for (const auto& [type, name] : std::initializer_list<std::pair<TestKeyType, const char*>>{
             {TestKeyType::kRsa1024, "RSA 1024"},
             {TestKeyType::kRsaExponent3, "RSA with the exponent 3"},
             {TestKeyType::kEcP521, "P-521"},
             {TestKeyType::kEcExplicit, "a curve given by its parameters"},
             {TestKeyType::kEd25519, "Ed25519"}}) {
      Under(std::string("leaf with a key of ") + name, root_.Issue(TestKey::Generate(type).public_key()), "[key_type]");
    }
    const TestCa weak = root_.Intermediate("weak", TestKeyType::kRsa1024);
    Under("intermediate CA with a weak key", Leaf(weak) + weak.certificate(), "[key_type]");
    Under("leaf signed with SHA-1", Leaf(root_, {.hash = "SHA1"}), "[key_strength]");
    Through("intermediate CA signed with SHA-1", {.hash = "SHA1"}, "[key_strength]");
  }

  void MakeRevoked() {
    const std::string leaf = Leaf(root_);
    const std::string low = Leaf(middle_);
    const std::string chain = low + middle_.certificate();
    Under("revoked leaf of the root", leaf, "[revoked]", {root_.Crl({leaf})});
    Under("leaf that is not on the list", leaf, "", {root_.Crl({low})});
    Under("revoked leaf of the intermediate CA", chain, "[revoked]", {middle_.Crl({low})});
    Under("revoked intermediate CA", chain, "[revoked]", {root_.Crl({middle_.certificate()})});
    Under("lists of each level, nobody on them", chain, "", {root_.Crl({}), middle_.Crl({})}, kStrict);
    cases_.push_back({.name = "revoked anchor",
                      .chain = low,
                      .anchors = {root_.certificate(), middle_.certificate()},
                      .lists = {root_.Crl({middle_.certificate()})},
                      .check = "[revoked]"});
    cases_.push_back({.name = "root on its own list",
                      .chain = leaf,
                      .anchors = {root_.certificate()},
                      .lists = {root_.Crl({root_.certificate()})},
                      .check = "[revoked]"});
    const absl::Time end = now_ - absl::Hours(24);
    Under("revoked on an outdated list", leaf, "[revoked]", {root_.Crl({leaf}, end - absl::Hours(1), end)}, kLax);
    // issuingDistributionPoint: onlyContainsUserCerts, onlyContainsCACerts.
    const std::string users = "critical,DER:30038101ff";
    const std::string authorities = "critical,DER:30038201ff";
    const auto scoped = [&](const std::string& scope) {
      return root_.Crl({leaf, middle_.certificate()}, now_ - absl::Hours(1), now_ + absl::Hours(1),
                       {{"2.5.29.28", scope}});
    };
    Under("revoked leaf on a list of users' certificates", leaf, "[revoked]", {scoped(users)});
    Under("revoked leaf on a list of CAs' certificates", leaf, "", {scoped(authorities)});
    Under("revoked CA on a list of CAs' certificates", chain, "[revoked]", {scoped(authorities)});
    Under("list of CAs' certificates is none of the leaf", leaf, "[revocation_list_missing]", {scoped(authorities)},
          kStrict);
  }

  void MakeLists() {
    const std::string leaf = Leaf(root_);
    const std::string chain = Leaf(middle_) + middle_.certificate();
    const std::string old = root_.Crl({}, now_ - absl::Hours(48), now_ - absl::Hours(24));
    const std::string early = root_.Crl({}, now_ + absl::Hours(24), now_ + absl::Hours(48));
    const std::string current = root_.Crl({});
    Under("no list", leaf, "[revocation_list_missing]", {}, kStrict);
    Under("no list, as it may be", leaf, "", {}, kLax);
    Under("no list, warned of", leaf, "", {}, kTalkative, {"[revocation_list_missing]"});
    Under("no list of the intermediate CA", chain, "[revocation_list_missing]", {current}, kStrict);
    Under("no list of the root", chain, "[revocation_list_missing]", {middle_.Crl({})}, kStrict);
    Under("no list of either, warned of", chain, "", {}, kTalkative,
          {"[revocation_list_missing]", "[revocation_list_missing]"});
    Under("outdated list", leaf, "[revocation_list_outdated]", {old});
    Under("outdated list, as it may be", leaf, "", {old}, kLax);
    Under("outdated list, warned of", leaf, "", {old}, kTalkative, {"[revocation_list_outdated]"});
    Under("outdated list of the root above an intermediate CA", chain, "[revocation_list_outdated]", {old});
    Under("list that is not valid yet", leaf, "[revocation_list_outdated]", {early});
    Under("outdated list beside a current one", leaf, "", {old, current}, kStrict);
    const TestCa impostor = TestCa::Root("root").Intermediate("middle");
    Under("impostor of an intermediate CA with a list: nobody's list is looked at for a stranger",
          Leaf(impostor) + impostor.certificate(), kRefused, {middle_.Crl({})});
    Under("list of an intermediate CA's name only", chain, "[revoked]", {TestCa::Root("middle").Crl({})}, kLax);
    const TestCa mute =
        root_.Intermediate("mute", TestKeyType::kEcP256, {.extensions = Authority({}, "critical,keyCertSign")});
    Under("list of a CA that may sign none", Leaf(mute) + mute.certificate(), "[revoked]", {mute.Crl({})}, kLax);
  }

  void Usage(const std::string& name, const std::string& chain, const std::string& check) {
    const ValidationOptions strict = {.key_usage = Strictness::kRequire};
    const ValidationOptions talkative = {.key_usage = Strictness::kWarn};
    Under(name + ", required", chain, check, {}, strict);
    Under(name + ", warned of", chain, "", {}, talkative,
          check.empty() ? std::vector<std::string>() : std::vector<std::string>{check});
    Under(name + ", ignored", chain, "", {}, kLax);
  }

  void MakeUsages() {
    const auto leaf = [&](const char* extension, const char* value) {
      return Leaf(root_, {.extensions = {{extension, value}}});
    };
    Usage("leaf without usages", Leaf(root_), "");
    Usage("leaf for digital signatures", leaf("keyUsage", "critical,digitalSignature"), "");
    Usage("leaf for key agreement only", leaf("keyUsage", "critical,keyAgreement"), "[key_usage]");
    Usage("leaf for clients", leaf("extendedKeyUsage", "clientAuth"), "");
    Usage("leaf for servers", leaf("extendedKeyUsage", "serverAuth"), "");
    Usage("leaf for anything", leaf("extendedKeyUsage", "anyExtendedKeyUsage"), "");
    Usage("leaf for code signing", leaf("extendedKeyUsage", "critical,codeSigning"), "[extended_key_usage]");
    const TestCa mute = root_.Intermediate("mute", TestKeyType::kEcP256, {.extensions = Authority({}, "")});
    Usage("intermediate CA without usage", Leaf(mute) + mute.certificate(), "[key_usage]");
    const TestCa code = root_.Intermediate("code", TestKeyType::kEcP256,
                                           {.extensions = Authority({{"extendedKeyUsage", "codeSigning"}})});
    Usage("intermediate CA for code signing", Leaf(code) + code.certificate(), "[extended_key_usage]");
    const TestCa proper = root_.Intermediate("proper", TestKeyType::kEcP256, {.extensions = Authority({})});
    Usage("CA in the place of a leaf", proper.certificate() + Leaf(proper), "[key_usage]");
  }

  // A CA that was given a new key under its old name.
  void MakeReKeyed() {
    const TestCa old = TestCa::Root("CA");
    const TestCa next = TestCa::Root("CA");
    const std::string before = Leaf(old);
    const std::string after = Leaf(next);
    const Extensions key = {{"authorityKeyIdentifier", "keyid:always"}};
    const auto list = [&](const TestCa& ca, const std::vector<std::string>& revoked, const Extensions& extensions) {
      return ca.Crl(revoked, now_ - absl::Hours(1), now_ + absl::Hours(1), extensions);
    };
    for (const bool named : {true, false}) {
      const Extensions extensions = named ? key : Extensions();
      const std::string how = named ? " (lists that name their keys)" : " (lists that name no keys)";
      const auto both = [&](const std::string& name, const std::string& chain, const std::vector<std::string>& lists,
                            const std::string& check, const ValidationOptions& options = {}) {
        cases_.push_back({name + how, chain, {old.certificate(), next.certificate()}, lists, options, check, {}});
      };
      const std::string empty_old = list(old, {}, extensions);
      const std::string empty_next = list(next, {}, extensions);
      both("re-keyed CA, old leaf, both lists", before, {empty_old, empty_next}, "", kStrict);
      both("re-keyed CA, new leaf, both lists", after, {empty_old, empty_next}, "", kStrict);
      both("re-keyed CA, old leaf revoked by the old key", before, {list(old, {before}, extensions), empty_next},
           "[revoked]");
      both("re-keyed CA, new leaf revoked by the new key", after, {empty_old, list(next, {after}, extensions)},
           "[revoked]");
      both("re-keyed CA, serial number of the old leaf on the list of the new key", before,
           {empty_old, list(next, {before}, extensions)}, "");
      both("re-keyed CA, no list of the new key", after, {empty_old}, "[revocation_list_missing]", kStrict);
      both("re-keyed CA, no list of the new key, as it may be", after, {empty_old}, "");
    }
  }

  void MakeForms() {
    std::string hundred = Leaf(root_);
    for (int i = 0; i < 99; ++i) hundred += middle_.certificate();
    Under("100 certificates", hundred, "[certificate_format]");
    Under("no certificate", "", "[certificate_format]");
    Under("a private key", key_.pem(), "[certificate_format]");
    Under("a certificate that is no DER", MalformedPem(Leaf(root_)), "[certificate_format]");
  }

  const absl::Time now_;
  std::vector<PkiCase> cases_;
  const TestKey key_ = TestKey::Generate();
  const TestCa root_ = TestCa::Root("root");
  const TestCa middle_ = root_.Intermediate("middle");
};

}  // namespace

std::vector<PkiCase> PkiCases(absl::Time now) { return Maker(now).Make(); }

}  // namespace ddskey::test
