#include "test/support/dbus.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace ddskey::test {
namespace {

constexpr char kConfiguration[] = R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
)";

}  // namespace

DBus::DBus(Type type) : type_(type) {
  std::string configuration = kConfiguration;
  configuration.replace(configuration.find("ADDRESS"), 7, address());
  dir_.Write("bus.conf", configuration);
  Start();
  setenv(type == Type::kSession ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS", address().c_str(), 1);
}

void DBus::Start() {
  std::filesystem::remove(dir_.File("bus"));
  Process::Options options;
  options.output = dir_.File("log");
  process_ =
      Process::Start({"dbus-daemon", "--config-file=" + dir_.File("bus.conf"), "--nofork", "--nopidfile"}, options);
  if (!WaitFor([this] { return std::filesystem::exists(dir_.File("bus")); })) {
    std::fprintf(stderr, "dbus-daemon does not start\n%s\n", process_->Output().c_str());
    std::abort();
  }
}

void DBus::Restart() {
  process_->Kill();
  Start();
}

void DBus::Continue() { process_->Signal(SIGCONT); }

bool DBus::Has(const std::string& name) const {
  std::string answer;
  Run({"dbus-send", "--bus=" + address(), "--print-reply", "--dest=org.freedesktop.DBus", "/",
       "org.freedesktop.DBus.NameHasOwner", "string:" + name},
      &answer);
  return answer.find("true") != std::string::npos;
}

}  // namespace ddskey::test
