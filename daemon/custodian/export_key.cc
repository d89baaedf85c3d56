// How key files leave the daemon, and how that is remembered.
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/key_custodian.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kExportDeadline(60);

std::string KeyFilePem(const std::string& der) {
  const std::string base64 = absl::Base64Escape(der);
  std::string pem = "-----BEGIN TSS2 PRIVATE KEY-----\n";
  for (size_t at = 0; at < base64.size(); at += 64) absl::StrAppend(&pem, base64.substr(at, 64), "\n");
  return pem + "-----END TSS2 PRIVATE KEY-----\n";
}

}  // namespace

absl::Status KeyCustodian::MarkExported(const std::shared_ptr<const Identity>& identity) {
  if (identity->current().left_custody) return absl::OkStatus();
  Identity changed = *identity;
  for (KeyGeneration& generation : changed.generations) {
    if (generation.state == GenerationState::kCurrent) generation.left_custody = true;
  }
  return parts_.keys.ReplaceIdentity(identity, changed);
}

void KeyCustodian::SubmitExport(const Subject& caller, const std::string& name, std::shared_ptr<const SecretBytes> auth,
                                Trail trail, Done<std::string> done) {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kKeyExport, name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  const auto identity = FindActive(parts_.keys, name);
  if (!identity.ok()) return refuse(identity.status());
  const KeyGeneration& generation = (*identity)->current();
  const auto entry = parts_.backends.FindForKey(generation.backend_uuid, generation.blob);
  if (!entry.ok()) return refuse(entry.status());
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kExportDeadline;
  (*entry)->backend->SubmitExport(
      {generation.algorithm, generation.purpose, generation.blob, generation.public_key}, std::move(auth),
      std::move(options),
      [this, identity = *identity, trail = std::move(trail), done = std::move(done)](absl::StatusOr<std::string> file) {
        // Off the thread of the device: the keystore waits for the disk.
        parts_.pool.Resume([this, identity, file = std::move(file), trail, done]() mutable {
          const absl::Status status = file.ok() ? MarkExported(identity) : file.status();
          trail.End(status);
          if (!status.ok()) return done(status);
          done(KeyFilePem(*file));
        });
      });
}

void KeyCustodian::Export(const Subject& caller, std::string name, std::shared_ptr<const SecretBytes> auth,
                          Done<std::string> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), auth = std::move(auth), done = std::move(done)] {
    SubmitExport(caller, name, auth, Trail(parts_.authorizer, caller, "ExportKey", name), done);
  });
}

}  // namespace ddskey
