#ifndef TEST_SUPPORT_PLUGIN_HOST_H_
#define TEST_SUPPORT_PLUGIN_HOST_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin_shim/cyclonedds/dds_security.h"
#include "proto/contract/guid.h"
#include "test/support/plugin_token.h"

namespace ddskey::test {

// kBuiltinPlugin is the authentication plugin of Debian's Cyclone DDS.
inline constexpr char kBuiltinPlugin[] = "/usr/lib/x86_64-linux-gnu/libddsc0debian/libdds_security_auth.so";
// kShimPlugin is ours, for tests that have it in their data.
inline constexpr char kShimPlugin[] = "plugin_shim/cyclonedds/libddskey_cyclonedds.so";

// PluginHost loads an authentication plugin as the core of Cyclone DDS does, and plays its DDS domain. Tests reach the
// C interface through plugin(); PluginParticipant and PluginSession call it in the order of the core.
class PluginHost {
 public:
  // Load ends the test program with a message if the library cannot be loaded.
  static std::unique_ptr<PluginHost> Load(const std::string& library);
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  dds_security_authentication* plugin() { return plugin_; }

 private:
  PluginHost() = default;

  // Stands for the core's struct ddsi_domaingv, of which the builtin plugin reads a flag and a pointer.
  std::vector<char> domain_ = std::vector<char>(1 << 20);
  void* library_ = nullptr;
  dds_security_authentication* plugin_ = nullptr;
  int (*finalize_)(void*) = nullptr;
};

// PluginError owns a security exception.
class PluginError {
 public:
  PluginError() = default;
  ~PluginError() { DDS_Security_Exception_reset(&exception_); }
  PluginError(const PluginError&) = delete;
  PluginError& operator=(const PluginError&) = delete;

  DDS_Security_SecurityException* get() { return &exception_; }
  std::string message() const { return exception_.message == nullptr ? "" : exception_.message; }
  int code() const { return exception_.code; }

 private:
  DDS_Security_SecurityException exception_ = {};
};

// PluginParticipant is a local participant: what the core does with a plugin when one is created and deleted.
class PluginParticipant {
 public:
  struct Options {
    // Security properties of its QoS.
    std::map<std::string, std::string> properties;
    // GUID before adjustment.
    Guid candidate = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 1, 0xc1};
    int domain = 7;
    // The permissions document that access control hands over.
    std::string permissions = "permissions of nobody";
  };

  // Create returns null, and why in `*error`, if the plugin refuses. `host` must outlive the participant.
  static std::unique_ptr<PluginParticipant> Create(PluginHost& host, const Options& options, std::string* error);
  ~PluginParticipant();
  PluginParticipant(const PluginParticipant&) = delete;
  PluginParticipant& operator=(const PluginParticipant&) = delete;

  PluginHost& host() const { return host_; }
  int64_t handle() const { return handle_; }
  // guid is the adjusted one.
  const Guid& guid() const { return guid_; }
  const Token& identity_token() const { return identity_token_; }
  // participant_data is what goes out as c.pdata.
  const std::string& participant_data() const { return participant_data_; }

 private:
  explicit PluginParticipant(PluginHost& host) : host_(host) {}

  PluginHost& host_;
  int64_t handle_ = 0;
  Guid guid_ = {};
  Token identity_token_;
  std::string participant_data_;
};

// ParticipantDataOf is a serialized ParticipantBuiltinTopicData as Cyclone DDS writes it into c.pdata.
std::string ParticipantDataOf(const Guid& guid);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PLUGIN_HOST_H_
