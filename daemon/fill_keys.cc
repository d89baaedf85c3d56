#include "daemon/fill_keys.h"

#include <cstdint>
#include <string>

#include "daemon/trust/ocsp_response.h"
#include "policy/action.h"

namespace ddskey {
namespace {

// What has longer than this is not listed in the status, unless it is a certificate.
constexpr int64_t kSoonDays = 30;
// The most keys that the status names as not usable.
constexpr int kMostKeyProblems = 100;

bool MayName(const StatusReader& reader, const std::string& key) {
  return reader.policy.Evaluate(reader.caller, Action::kKeyList, key).allowed;
}

}  // namespace

void FillEndings(const std::vector<Ending>& endings, absl::Time now, const StatusReader& reader,
                 v1::GetStatusResponse& status) {
  for (const Ending& ending : endings) {
    const int64_t days_left = ending.days_left(now);
    if (ending.kind != Ending::Kind::kCertificate && days_left >= kSoonDays) continue;
    v1::Ending& out = *status.add_endings();
    out.set_kind(ending.kind == Ending::Kind::kCertificate ? "certificate"
                 : ending.kind == Ending::Kind::kAnchor    ? "identity CA"
                                                           : "revocation list");
    out.set_end(absl::ToUnixSeconds(ending.end));
    out.set_days_left(days_left);
    // A list of a file is the configuration's, and no key's.
    if (!ending.key_name.empty() && !MayName(reader, ending.key_name)) continue;
    out.set_key_name(ending.key_name);
    out.set_subject(ending.subject);
  }
}

void FillKeyProblems(const Identity& identity, const BackendSet& backends, const StatusReader& reader,
                     v1::GetStatusResponse& status) {
  for (const KeyGeneration& generation : identity.generations) {
    const auto entry = backends.FindForKey(generation.backend_uuid, generation.blob);
    const std::string problem = entry.ok() ? (*entry)->backend->KeyProblem(generation.public_key) : "";
    if (problem.empty() || status.key_problems_size() >= kMostKeyProblems) continue;
    v1::KeyProblem& out = *status.add_key_problems();
    out.set_generation(generation.number);
    if (!MayName(reader, identity.name.text())) continue;
    out.set_key_name(identity.name.text());
    out.set_problem(problem);
  }
}

void FillOcspResponse(const Identity& identity, absl::Time now, const StatusReader& reader,
                      v1::GetStatusResponse& status) {
  if (identity.trust.ocsp_response.empty()) return;
  const auto response = OcspResponse::Parse(identity.trust.ocsp_response);
  if (!response.ok() || now < response->next_update()) return;
  v1::OutdatedOcspResponse& out = *status.add_outdated_ocsp_responses();
  out.set_next_update(absl::ToUnixSeconds(response->next_update()));
  if (MayName(reader, identity.name.text())) out.set_key_name(identity.name.text());
}

}  // namespace ddskey
