#include <malloc.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/daemon.h"
#include "daemon/inventory.h"
#include "daemon/options.h"
#include "daemon/service/hardening.h"
#include "daemon/service/logging.h"
#include "daemon/service/notify.h"
#include "daemon/service/passed_descriptors.h"
#include "daemon/service/signals.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace ddskey {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
// Locked memory for the keys of the software backend while they are open.
constexpr int kArenas = 2;
constexpr size_t kSecureHeap = size_t{1} << 20;

absl::StatusOr<v1::Config> ReadConfig(const Options& options) {
  const auto config = LoadConfig(options.config.value_or(std::string(kDefaultConfigPath)));
  // Only the default file may be absent.
  if (absl::IsNotFound(config.status()) && !options.config.has_value()) return DefaultConfig();
  return config;
}

int Complain(const absl::Status& status, int exit_status) {
  std::fprintf(stderr, "ddskeyd: %s\n", std::string(status.message()).c_str());
  return exit_status;
}

int Check(const v1::Config& config) {
  const auto policy = LoadPolicy(config);
  if (!policy.ok()) return Complain(policy.status(), kUsage);
  for (const std::string& warning : (*policy)->warnings()) std::printf("warning: %s\n", warning.c_str());
  std::printf("the configuration and the policy (%zu rules) have no mistakes\n", (*policy)->rule_count());
  return EXIT_SUCCESS;
}

int ShowInventory(const std::string& keystore) {
  const auto inventory = Inventory(keystore);
  if (!inventory.ok()) return Complain(inventory.status(), kFailed);
  std::printf("%s\n", inventory->c_str());
  return EXIT_SUCCESS;
}

absl::Status ServeUntilStopped(Daemon& daemon) {
  const auto watchdog = Watchdog::Start([&daemon] { return daemon.IsResponsive(); });
  NotifyReady();
  while (true) {
    ASSIGN_OR_RETURN(const Signal signal, WaitForSignal());
    if (signal == Signal::kStop) break;
    NotifyReloading();
    // A policy with mistakes was logged; the one in force stays.
    daemon.ReloadPolicy().IgnoreError();
    NotifyReady();
  }
  NotifyStopping();
  spdlog::info("ddskeyd ends");
  daemon.Stop();
  return absl::OkStatus();
}

absl::Status Serve(const v1::Config& config, PassedDescriptors descriptors) {
  ASSIGN_OR_RETURN(const LogTarget target, ParseLogTarget(config.log().target()));
  RETURN_IF_ERROR(SetUpLogging(target, config.log().level()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Daemon> daemon, Daemon::Start(config, std::move(descriptors)));
  return ServeUntilStopped(*daemon);
}

int Main(const std::vector<std::string>& arguments) {
  const auto options = ParseOptions(arguments);
  if (!options.ok()) return Complain(options.status(), kUsage);
  if (options->help || options->version) {
    std::fputs(options->help ? Usage().c_str() : ("ddskeyd " + std::string(kVersion) + "\n").c_str(), stdout);
    return EXIT_SUCCESS;
  }
  // Before anything of the configuration is read, and before there are threads.
  if (const absl::Status hard = HardenProcess(); !hard.ok()) return Complain(hard, kFailed);
  if (const absl::Status blocked = BlockSignals(); !blocked.ok()) return Complain(blocked, kFailed);
  // Two dozen threads that work little: an arena for each would be memory for nothing.
  mallopt(M_ARENA_MAX, kArenas);
  // tpm2-tss prints every retried command on stderr; its errors reach our log by their return codes.
  setenv("TSS2_LOG", "all+NONE", 0);
  // No configuration file of OpenSSL has a say in what holds keys (S-13).
  if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) != 1) {
    return Complain(absl::InternalError("OpenSSL does not start"), kFailed);
  }
  if (CRYPTO_secure_malloc_init(kSecureHeap, 32) != 1) {
    return Complain(absl::ResourceExhaustedError("cannot lock 1 MiB of memory for keys; raise RLIMIT_MEMLOCK"),
                    kFailed);
  }
  if (options->inventory.has_value()) return ShowInventory(*options->inventory);
  PassedDescriptors descriptors = PassedDescriptors::Receive();
  const auto config = ReadConfig(*options);
  if (!config.ok()) return Complain(config.status(), options->check ? kUsage : kFailed);
  if (options->check) return Check(*config);
  const absl::Status served = Serve(*config, std::move(descriptors));
  return served.ok() ? EXIT_SUCCESS : Complain(served, kFailed);
}

}  // namespace
}  // namespace ddskey

int main(int argc, char** argv) { return ddskey::Main(std::vector<std::string>(argv + 1, argv + argc)); }
