// OCSP responses (daemon/trust/ocsp_response.h).
// An input says what a response contains and what becomes of its octets, a line each:
//
//   by WHO                          signs it: ca, responder (which the CA authorised), participant (which it did not),
//                                   foreign (another CA of the same name) or expired (a responder that was)
//   single WHICH STATUS FROM UNTIL  a statement on certificate WHICH (0 to 2), good, revoked or unknown; hours from now
//   octet AT VALUE                  alters it after it was signed
//   cut SIZE                        and cuts it
//   der OCTETS                      these octets are the response

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/ocsp_response.h"
#include "daemon/trust/trust_store.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/support/ocsp.h"
#include "test/support/pki.h"

namespace ddskey::fuzz {
namespace {

using Kind = CertificateStatus::Kind;

struct Free {
  void operator()(ASN1_TIME* p) const { ASN1_TIME_free(p); }
  void operator()(OCSP_BASICRESP* p) const { OCSP_BASICRESP_free(p); }
  void operator()(OCSP_CERTID* p) const { OCSP_CERTID_free(p); }
  void operator()(OCSP_RESPONSE* p) const { OCSP_RESPONSE_free(p); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr size_t kMostStatements = 8;

test::CertificateOptions Options(const std::string& name, int64_t first_hour = -1000) {
  test::CertificateOptions options;
  options.subject = {{"CN", name}};
  options.not_before = kNow + absl::Hours(first_hour);
  options.not_after = options.not_before + absl::Hours(900 - first_hour);
  return options;
}

test::CertificateOptions Expired() {
  test::CertificateOptions options = Options("expired");
  options.not_after = kNow - absl::Hours(1);
  return options;
}

Certificate Parsed(const std::string& pem) { return Certificate::ParsePem(pem)->front(); }

struct Signer {
  test::TestKey key;
  Certificate certificate;
};

// World is the certificates there are; made once.
struct World {
  test::TestCa ca = test::TestCa::Root("ca", test::TestKeyType::kEcP256, Options("ca"));
  test::TestCa foreign = test::TestCa::Root("ca", test::TestKeyType::kEcP256, Options("ca"));
  Certificate issuer = Parsed(ca.certificate());
  std::shared_ptr<const TrustStore> trust = *TrustStore::Parse({ca.certificate()}, {});
  std::vector<Certificate> leaves;
  test::OcspOptions::Responder responder = test::MakeResponder(ca, {}, Options("responder"));
  test::OcspOptions::Responder expired = test::MakeResponder(ca, {}, Expired());
  test::TestKey participant = test::TestKey::Generate();
  Certificate participants = Parsed(ca.Issue(participant.public_key(), Options("participant")));

  World() {
    for (int i = 0; i < 3; ++i) {
      leaves.push_back(Parsed(ca.Issue(test::TestKey::Generate().public_key(), Options("leaf"))));
    }
  }
};

const World& Known() {
  static const World& known = *new World;
  return known;
}

std::optional<Signer> SignerOf(std::string_view name) {
  const World& world = Known();
  if (name == "ca") return Signer{world.ca.key(), world.issuer};
  if (name == "foreign") return Signer{world.foreign.key(), Parsed(world.foreign.certificate())};
  if (name == "responder") return Signer{world.responder.key, Parsed(world.responder.certificate)};
  if (name == "expired") return Signer{world.expired.key, Parsed(world.expired.certificate)};
  if (name == "participant") return Signer{world.participant, world.participants};
  return std::nullopt;
}

struct Statement {
  size_t which = 0;
  Kind kind = Kind::kGood;
  absl::Time from;
  absl::Time until;
};

// Script is an input.
struct Script {
  std::string by = "ca";
  std::vector<Statement> statements;
  std::string der;
  bool altered = false;
};

absl::Time HourOf(std::string_view word) {
  const bool before = word.starts_with("-");
  const auto hours = static_cast<int64_t>(Number(before ? word.substr(1) : word) % 100'000);
  return kNow + absl::Hours(before ? -hours : hours);
}

Ptr<ASN1_TIME> TimeOf(absl::Time time) {
  return Ptr<ASN1_TIME>(ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(time)));
}

int NumberOf(Kind kind) {
  if (kind == Kind::kGood) return V_OCSP_CERTSTATUS_GOOD;
  return kind == Kind::kRevoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_UNKNOWN;
}

std::string Make(const Script& script) {
  const std::optional<Signer> signer = SignerOf(script.by);
  if (!signer.has_value()) return "";
  const Ptr<OCSP_BASICRESP> basic(OCSP_BASICRESP_new());
  for (const Statement& statement : script.statements) {
    const Ptr<OCSP_CERTID> id(
        OCSP_cert_to_id(EVP_sha1(), Known().leaves[statement.which].x509(), Known().issuer.x509()));
    const Ptr<ASN1_TIME> from = TimeOf(statement.from);
    OCSP_basic_add1_status(basic.get(), id.get(), NumberOf(statement.kind), 0,
                           statement.kind == Kind::kRevoked ? from.get() : nullptr, from.get(),
                           TimeOf(statement.until).get());
  }
  if (OCSP_basic_sign(basic.get(), signer->certificate.x509(), signer->key.get(), EVP_sha256(), nullptr, 0) != 1) {
    return "";
  }
  const Ptr<OCSP_RESPONSE> response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  unsigned char* octets = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &octets);
  std::string der(reinterpret_cast<char*>(octets), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(octets);
  return der;
}

Statement ReadStatement(const std::vector<std::string_view>& words) {
  Statement statement = {.which = Number(words[1]) % 3, .from = HourOf(words[3]), .until = HourOf(words[4])};
  if (words[2] == "revoked") statement.kind = Kind::kRevoked;
  if (words[2] == "unknown") statement.kind = Kind::kUnknown;
  return statement;
}

void Alter(const std::vector<std::string_view>& words, std::string_view line, Script& script) {
  script.altered = true;
  if (words[0] == "octet" && !script.der.empty()) {
    script.der[Number(words[1]) % script.der.size()] = static_cast<char>(Number(words[2]));
  }
  if (words[0] == "cut") script.der.resize(std::min<size_t>(script.der.size(), Number(words[1])));
  if (words[0] == "der") script.der = Unescape(line.substr(std::min<size_t>(line.size(), 4)));
}

Script Read(std::string_view input) {
  Script script;
  std::vector<std::string_view> alterations;
  for (const std::string_view line : Lines(input)) {
    std::vector<std::string_view> words = Words(line);
    words.resize(5);
    if (words[0] == "by" && SignerOf(words[1]).has_value()) script.by = std::string(words[1]);
    if (words[0] == "single" && script.statements.size() < kMostStatements) {
      script.statements.push_back(ReadStatement(words));
    }
    if (words[0] == "octet" || words[0] == "cut" || words[0] == "der") alterations.push_back(line);
  }
  script.der = Make(script);
  for (const std::string_view line : alterations) {
    std::vector<std::string_view> words = Words(line);
    words.resize(3);
    Alter(words, line, script);
  }
  return script;
}

// Expected is what the signer said of the first leaf, if its word counts.
std::optional<Statement> Expected(const Script& script) {
  if (script.by != "ca" && script.by != "responder") return std::nullopt;
  std::optional<Statement> expected;
  for (const Statement& statement : script.statements) {
    if (statement.which != 0 || statement.from > kNow || statement.until <= kNow) continue;
    const bool more = !expected.has_value() || (expected->kind != Kind::kRevoked &&
                                                (statement.kind == Kind::kRevoked || statement.from > expected->from));
    if (more) expected = statement;
  }
  return expected;
}

absl::StatusOr<CertificateStatus> StatusOf(const std::string& der) {
  const auto response = OcspResponse::Parse(der);
  if (!response.ok()) {
    Require(response.status().code() == absl::StatusCode::kInvalidArgument, "a bad response is an invalid argument");
    return response.status();
  }
  const World& world = Known();
  auto status = response->StatusOf(world.leaves[0], world.issuer, *world.trust, kNow);
  // The planted bug: a response counts a day longer than it says.
  if (planted_bug && !status.ok()) {
    status = response->StatusOf(world.leaves[0], world.issuer, *world.trust, kNow - absl::Hours(24));
  }
  return status;
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const Script script = Read(AsText(data, size));
  const auto status = StatusOf(script.der);
  const std::optional<Statement> expected = Expected(script);
  if (!status.ok()) {
    Require(script.altered || script.statements.empty() || !expected.has_value(), "what its signer said is heard");
    return 0;
  }
  Require(expected.has_value(), "only what the CA stands for is heard, and in its time");
  Require(status->kind == expected->kind, "what is heard is what was said");
  Require(status->this_update <= kNow + OcspResponse::kSkew && kNow < status->next_update, "what is heard is current");
  return 0;
}
