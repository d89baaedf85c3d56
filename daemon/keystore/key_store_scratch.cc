#include "daemon/keystore/key_store.h"
#include <map>
#include <mutex>
#include <algorithm>
namespace ddskey {
const KeyGeneration& Identity::current() const { for (auto& g : generations) if (g.state == GenerationState::kCurrent) return g; return generations.back(); }
namespace {
class Mem : public KeyStore {
 public:
  std::string u = "inst"; mutable std::mutex m; std::map<KeyName, std::shared_ptr<const Identity>> ids;
  const std::string& instance_uuid() const override { return u; }
  uint32_t schema_version() const override { return 1; }
  absl::StatusOr<std::string> RegisterBackend(const std::string& n, const std::string& k) override { return n + k; }
  absl::Status CreateIdentity(const KeyName& n, const KeyGeneration& g) override { std::lock_guard l(m); if (ids.count(n)) return absl::AlreadyExistsError("x"); Identity i{n, false, {g}, ""}; ids[n] = std::make_shared<const Identity>(i); return absl::OkStatus(); }
  absl::Status InstallCertificate(const KeyName& n, const std::string&, const std::string& c, const std::string& a) override { std::lock_guard l(m); Identity i = *ids.at(n); i.generations.back().certificate_chain = c; if (!a.empty()) i.anchors = a; ids[n] = std::make_shared<const Identity>(i); return absl::OkStatus(); }
  absl::Status DeleteIdentity(const KeyName& n) override { std::lock_guard l(m); if (!ids.count(n)) return absl::NotFoundError("x"); Identity i = *ids.at(n); i.deleted = true; ids[n] = std::make_shared<const Identity>(i); return absl::OkStatus(); }
  absl::Status PurgeIdentity(const KeyName& n) override { std::lock_guard l(m); return ids.erase(n) ? absl::OkStatus() : absl::NotFoundError("x"); }
  absl::StatusOr<std::shared_ptr<const Identity>> Find(const KeyName& n) const override { std::lock_guard l(m); auto it = ids.find(n); if (it == ids.end()) return absl::NotFoundError("x"); return it->second; }
  std::vector<std::shared_ptr<const Identity>> List() const override { std::lock_guard l(m); std::vector<std::shared_ptr<const Identity>> v; for (auto& [k, i] : ids) v.push_back(i); return v; }
};
}
absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(const std::string&) { return std::unique_ptr<KeyStore>(new Mem); }
}
