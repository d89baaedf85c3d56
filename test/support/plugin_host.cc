#include "test/support/plugin_host.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <utility>

namespace ddskey::test {
namespace {

void* Symbol(void* library, const char* name) {
  void* const symbol = dlsym(library, name);
  if (symbol == nullptr) {
    fprintf(stderr, "no %s in the plugin\n", name);
    abort();
  }
  return symbol;
}

void AddParameter(std::string& list, uint16_t id, const std::string& value) {
  list += {static_cast<char>(id >> 8), static_cast<char>(id), static_cast<char>(value.size() >> 8),
           static_cast<char>(value.size())};
  list += value;
}

}  // namespace

std::string ParticipantDataOf(const Guid& guid) {
  constexpr uint16_t kParticipantGuid = 0x0050;
  constexpr uint16_t kSentinel = 0x0001;
  std::string list;
  AddParameter(list, kParticipantGuid, GuidOctets(guid));
  AddParameter(list, kSentinel, "");
  return list;
}

std::unique_ptr<PluginHost> PluginHost::Load(const std::string& library) {
  std::unique_ptr<PluginHost> host(new PluginHost());
  // A name with a slash: the test's own folder, not the loader's path.
  const std::string path = library.starts_with("/") ? library : "./" + library;
  host->library_ = dlopen(path.c_str(), RTLD_GLOBAL | RTLD_NOW);
  if (host->library_ == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    abort();
  }
  using Init = int32_t (*)(const char*, void**, ddsi_domaingv*);
  const auto init = reinterpret_cast<Init>(Symbol(host->library_, "init_authentication"));
  host->finalize_ = reinterpret_cast<int (*)(void*)>(Symbol(host->library_, "finalize_authentication"));
  void* context = nullptr;
  if (init("", &context, reinterpret_cast<ddsi_domaingv*>(host->domain_.data())) != 0 || context == nullptr) {
    fprintf(stderr, "init_authentication failed\n");
    abort();
  }
  host->plugin_ = static_cast<dds_security_authentication*>(context);
  return host;
}

PluginHost::~PluginHost() {
  if (plugin_ != nullptr) finalize_(plugin_);
  if (library_ != nullptr) dlclose(library_);
}

std::unique_ptr<PluginParticipant> PluginParticipant::Create(PluginHost& host, const Options& options,
                                                             std::string* error) {
  std::unique_ptr<PluginParticipant> participant(new PluginParticipant(host));
  dds_security_authentication* const plugin = host.plugin();

  // The core lends its own strings.
  std::list<std::pair<std::string, std::string>> strings(options.properties.begin(), options.properties.end());
  std::vector<DDS_Security_Property_t> properties;
  for (auto& [name, value] : strings) properties.push_back({name.data(), value.data(), false});
  DDS_Security_Qos qos = {};
  qos.property.value._buffer = properties.data();
  qos.property.value._length = qos.property.value._maximum = static_cast<uint32_t>(properties.size());

  DDS_Security_GUID_t candidate;
  memcpy(&candidate, options.candidate.data(), sizeof(candidate));
  DDS_Security_GUID_t adjusted = {};
  PluginError problem;
  const auto result = plugin->validate_local_identity(plugin, &participant->handle_, &adjusted, options.domain, &qos,
                                                      &candidate, problem.get());
  if (result != DDS_SECURITY_VALIDATION_OK) {
    *error = problem.message();
    participant->handle_ = 0;
    return nullptr;
  }
  memcpy(participant->guid_.data(), &adjusted, sizeof(adjusted));
  participant->participant_data_ = ParticipantDataOf(participant->guid_);
  if (!plugin->get_identity_token(plugin, participant->identity_token_.get(), participant->handle_, problem.get())) {
    *error = problem.message();
    return nullptr;
  }
  Token credential;
  credential.SetClass("DDS:Access:PermissionsCredential");
  credential.AddProperty("dds.perm.cert", options.permissions);
  Token permissions;
  permissions.SetClass("DDS:Access:Permissions:1.0");
  if (!plugin->set_permissions_credential_and_token(plugin, participant->handle_, credential.get(), permissions.get(),
                                                    problem.get())) {
    *error = problem.message();
    return nullptr;
  }
  return participant;
}

PluginParticipant::~PluginParticipant() {
  PluginError ignored;
  if (handle_ != 0) host_.plugin()->return_identity_handle(host_.plugin(), handle_, ignored.get());
}

}  // namespace ddskey::test
