#include "daemon/custodian/store_checker.h"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/parse_trust.h"
#include "daemon/handshake/digest.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kSignDeadline(30);

// No CDR sequence of six begins so, as a handshake's transcript does.
constexpr char kLabel[] = "ddskey-store-check-v1|";

std::string OctetsFor(const KeyGeneration& generation) {
  std::array<char, 32> nonce;
  while (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) {
  }
  return absl::StrCat(kLabel, generation.uuid, "|", std::string(nonce.data(), nonce.size()));
}

// FixOf is how to come by a key that works in the place of one that does not.
std::string FixOf(const std::string& name, const KeyGeneration& generation) {
  switch (generation.state) {
    case GenerationState::kNext:
      return absl::StrCat("ddskeyctl identity renew ", name, " --abandon");
    case GenerationState::kCurrent:
      return generation.certificate_chain.empty()
                 ? absl::StrCat("ddskeyctl identity delete ", name, " --purge, and make it again")
                 : absl::StrCat("ddskeyctl identity renew ", name);
    case GenerationState::kOld:
      return "none is needed: nothing uses it, and there is no going back to it";
  }
  return "";
}

// JudgeError says what an error of the device means for the key.
void JudgeError(const std::string& name, const KeyGeneration& generation, const absl::Status& status, KeyCheck& check) {
  check.problem = absl::StrCat("the key cannot be used: ", status.message());
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    check.fix = "bring its backend back, see ddskeyctl status; if it is gone for good: " + FixOf(name, generation);
  } else {
    check.fix = FixOf(name, generation);
  }
}

}  // namespace

// Run is one check of an identity, a key after the other.
struct StoreChecker::Run {
  std::shared_ptr<const Identity> identity;
  Trail trail;
  Done<std::vector<KeyCheck>> done;
  std::vector<KeyCheck> checks;
};

void StoreChecker::CheckStore(const Subject& caller, Done<std::vector<std::string>> done) {
  parts_.pool.Post(caller, [this, caller, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "CheckStore", "");
    const auto check = [&]() -> absl::StatusOr<std::vector<std::string>> {
      RETURN_IF_ERROR(trail.Administer(parts_.authorizer, caller, Action::kStoreCheck, ""));
      RETURN_IF_ERROR(parts_.keys.CheckIntegrity());
      std::vector<std::string> names;
      for (const auto& identity : parts_.keys.List()) names.push_back(identity->name.text());
      return names;
    };
    auto names = check();
    trail.End(names.status());
    done(std::move(names));
  });
}

void StoreChecker::CheckIdentity(const Subject& caller, std::string name, Done<std::vector<KeyCheck>> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "CheckIdentity", name);
    const auto find = [&]() -> absl::StatusOr<std::shared_ptr<const Identity>> {
      RETURN_IF_ERROR(trail.Administer(parts_.authorizer, caller, Action::kStoreCheck, name));
      ASSIGN_OR_RETURN(const KeyName parsed, ParseKeyName(name));
      auto identity = parts_.keys.Find(parsed);
      if (!identity.ok()) return NoSuchKey(name);
      return identity;
    };
    auto identity = find();
    if (!identity.ok()) {
      trail.End(identity.status());
      return done(identity.status());
    }
    Go(std::make_shared<Run>(Run{*std::move(identity), std::move(trail), done, {}}));
  });
}

void StoreChecker::Go(const std::shared_ptr<Run>& run) const {
  const Identity& identity = *run->identity;
  if (run->checks.size() == identity.generations.size()) {
    run->trail.End(absl::OkStatus());
    return run->done(std::move(run->checks));
  }
  const KeyGeneration& generation = identity.generations[run->checks.size()];
  const std::string octets = OctetsFor(generation);
  const auto judge = [this, run, &generation, octets](const absl::StatusOr<Signature>& signature) {
    // Off the thread of the device: certificates are validated.
    parts_.pool.Resume([this, run, &generation, octets, signature] {
      run->checks.push_back(Judge(*run->identity, generation, octets, signature));
      Go(run);
    });
  };
  const auto entry = parts_.backends.FindForKey(generation.backend_uuid, generation.blob);
  if (!entry.ok()) return judge(entry.status());
  if (generation.purpose == KeyPurpose::kDerive) return judge(Signature());
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kSignDeadline;
  (*entry)->backend->SubmitSign(
      {generation.algorithm, generation.purpose, generation.blob, generation.public_key},
      IsRsa(generation.algorithm) ? SignatureScheme::kRsaPssSha256 : SignatureScheme::kEcdsaSha256, Sha256(octets),
      options, judge);
}

KeyCheck StoreChecker::Judge(const Identity& identity, const KeyGeneration& generation, const std::string& octets,
                             const absl::StatusOr<Signature>& signature) const {
  const std::string& name = identity.name.text();
  KeyCheck check = {.number = generation.number, .state = generation.state, .good = false, .problem = "", .fix = ""};
  if (!signature.ok()) {
    JudgeError(name, generation, signature.status(), check);
  } else if (generation.purpose == KeyPurpose::kDerive) {
    check.good = true;
    check.problem = "a key for deriving secrets signs nothing, so it was not tried";
  } else if (generation.certificate_chain.empty()) {
    // That it verifies with the public key was the backend's to see.
    check.good = true;
    check.problem = "it has no certificate yet";
    check.fix = generation.state == GenerationState::kNext
                    ? absl::StrCat("ddskeyctl identity renew ", name)
                    : absl::StrCat("ddskeyctl csr ", name, " --subject /O=ORGANIZATION/CN=", name);
  } else {
    const auto chain = Certificate::ParsePem(generation.certificate_chain);
    if (!chain.ok() || chain->front().public_key() != generation.public_key ||
        !chain->front().VerifySignature(octets, signature->octets).ok()) {
      check.problem = "its certificate is not one of this key";
      check.fix = absl::StrCat("ddskeyctl cert install ", name, " --certificate FILE, with the right one");
      return check;
    }
    JudgeCertificate(identity, generation, check);
  }
  return check;
}

void StoreChecker::JudgeCertificate(const Identity& identity, const KeyGeneration& generation, KeyCheck& check) const {
  check.good = true;
  if (identity.trust.anchors.empty()) return;
  const auto trust = TrustInForce(identity.trust, identity.name.text(), parts_.file_lists);
  // The response is about the certificate in use.
  const bool in_use = generation.state == GenerationState::kCurrent;
  const std::string response = in_use ? identity.trust.ocsp_response : "";
  const absl::Status good =
      trust.ok()
          ? parts_.validator.Validate(generation.certificate_chain, **trust, parts_.clock(), 0, response).status()
          : trust.status();
  if (good.ok()) return;
  check.problem = absl::StrCat("its certificate is not good now: ", good.message());
  if (generation.state == GenerationState::kOld) return;
  check.good = false;
  check.fix = absl::StrCat("ddskeyctl identity renew ", identity.name.text());
}

}  // namespace ddskey
