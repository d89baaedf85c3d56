#include "daemon/backend/tpm2/message_bus.h"

#include <dlfcn.h>
#include <tss2/tss2_tcti.h>

#include <memory>

#include "daemon/backend/tpm2/tss_status.h"

namespace ddskey::tpm {
namespace {

constexpr char kLibrary[] = "libgio-2.0.so.0";
// GBusType.
constexpr int kSystemBus = 1;
constexpr int kSessionBus = 2;
constexpr int kMostEvents = 1000;

struct CloseLibrary {
  void operator()(void* library) const { dlclose(library); }
};

// Gio is what is needed of GLib, which only the TCTI is linked with, and which is there once the TCTI was loaded.
struct Gio {
  void* (*get_bus)(int type, void* cancellable, void** error) = nullptr;
  int (*is_closed)(void* connection) = nullptr;
  void (*set_exit_on_close)(void* connection, int exit) = nullptr;
  void (*unref)(void* object) = nullptr;
  int (*iterate)(void* context, int may_block) = nullptr;

  bool Load(void* library) {
    return Find(library, "g_bus_get_sync", get_bus) && Find(library, "g_dbus_connection_is_closed", is_closed) &&
           Find(library, "g_dbus_connection_set_exit_on_close", set_exit_on_close) &&
           Find(library, "g_object_unref", unref) && Find(library, "g_main_context_iteration", iterate);
  }

  template <typename Function>
  static bool Find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
  }
};

}  // namespace

absl::Status PrepareMessageBus(std::string_view configuration) {
  const std::unique_ptr<void, CloseLibrary> library(dlopen(kLibrary, RTLD_NOW | RTLD_NOLOAD));
  Gio gio;
  if (library == nullptr || !gio.Load(library.get())) return absl::OkStatus();
  const int type = configuration.find("bus_type=session") == std::string_view::npos ? kSystemBus : kSessionBus;
  for (int attempt = 0; attempt < 2; ++attempt) {
    void* const connection = gio.get_bus(type, nullptr, nullptr);
    if (connection == nullptr) return FromTss(TSS2_TCTI_RC_NO_CONNECTION, "reaching the message bus of tpm2-abrmd");
    // GLib would end this process with the bus.
    gio.set_exit_on_close(connection, 0);
    const bool closed = gio.is_closed(connection) != 0;
    gio.unref(connection);
    if (!closed) return absl::OkStatus();
    // The announcement that it was closed holds the last reference.
    for (int events = 0; events < kMostEvents && gio.iterate(nullptr, 0) != 0; ++events) {
    }
  }
  return FromTss(TSS2_TCTI_RC_NO_CONNECTION, "reaching the message bus of tpm2-abrmd again");
}

}  // namespace ddskey::tpm
