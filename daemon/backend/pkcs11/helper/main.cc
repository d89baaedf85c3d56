#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/pkcs11/helper/arguments.h"
#include "daemon/backend/pkcs11/helper/connection.h"
#include "daemon/backend/pkcs11/helper/module.h"
#include "daemon/backend/pkcs11/helper/sandbox.h"
#include "daemon/backend/pkcs11/helper/served_token.h"
#include "daemon/backend/pkcs11/helper/service.h"
#include "daemon/backend/pkcs11/helper/service_manager.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace ddskey::pkcs11 {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int Complain(const absl::Status& status, int exit_status) {
  std::fprintf(stderr, "ddskeyd-pkcs11: %s\n", std::string(status.message()).c_str());
  return exit_status;
}

absl::Status ServeModule(const Arguments& arguments) {
  RETURN_IF_ERROR(CloseOthers());
  const ServiceManager manager = ServiceManager::Find();
  RETURN_IF_ERROR(EnterSandbox(arguments.user, arguments.network));
  ASSIGN_OR_RETURN(ModuleName module, ModuleName::Parse(arguments.module));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ServedToken> token,
      ServedToken::Create({.module = std::move(module), .label = arguments.label, .serial = arguments.serial},
                          arguments.sessions));
  ASSIGN_OR_RETURN(const int connection, FindConnection(manager, arguments.peer_user));
  // One more, so that there is one to look after the token while all sign.
  return Serve(connection, arguments.sessions + 1, *token, manager);
}

int Main(const std::vector<std::string>& words) {
  const auto arguments = ParseArguments(words);
  if (!arguments.ok()) {
    Complain(arguments.status(), kUsage);
    std::fputs("see: ddskeyd-pkcs11 --help\n", stderr);
    return kUsage;
  }
  if (arguments->help) {
    std::fputs(HelperUsage().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (arguments->version) {
    std::printf("ddskeyd-pkcs11 %s\n", std::string(kVersion).c_str());
    return EXIT_SUCCESS;
  }
  // At once: what runs at the end of a program, sanitizers for example, may need what the sandbox took away.
  _exit(Complain(ServeModule(*arguments), kFailed));
}

}  // namespace
}  // namespace ddskey::pkcs11

int main(int argc, char** argv) { return ddskey::pkcs11::Main(std::vector<std::string>(argv + 1, argv + argc)); }
