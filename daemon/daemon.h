#ifndef DAEMON_DAEMON_H_
#define DAEMON_DAEMON_H_

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/audit/decision_statistics.h"
#include "daemon/audit/spdlog_audit_log.h"
#include "daemon/custodian/attestation_custodian.h"
#include "daemon/custodian/authentication_custodian.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/backup_custodian.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/clock_custodian.h"
#include "daemon/custodian/clock_guard.h"
#include "daemon/custodian/expiry_watch.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/custodian/identity_custodian.h"
#include "daemon/custodian/key_custodian.h"
#include "daemon/custodian/participant_book.h"
#include "daemon/custodian/peer_reviewer.h"
#include "daemon/custodian/signing_custodian.h"
#include "daemon/custodian/store_checker.h"
#include "daemon/custodian/trust_custodian.h"
#include "daemon/custodian/watch_board.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/handshake/ticket.h"
#include "daemon/handshake/ticket_roots.h"
#include "daemon/keystore/key_store.h"
#include "daemon/list_watcher.h"
#include "daemon/rpc/admin_handler.h"
#include "daemon/rpc/authentication_handler.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_credentials.h"
#include "daemon/rpc/peer_registry.h"
#include "daemon/rpc/server.h"
#include "daemon/rpc/signing_handler.h"
#include "daemon/rpc/unary_server.h"
#include "daemon/service/liveness.h"
#include "daemon/service/passed_descriptors.h"
#include "daemon/service/periodic_task.h"
#include "daemon/trust/certificate_validator.h"
#include "ddskey/v1/admin.pb.h"
#include "ddskey/v1/config.pb.h"
#include "policy/policy.h"

namespace ddskey {

// LoadPolicy reads the policy file that the configuration names; an absent one means SuperuserOnly.
absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(const v1::Config& config);

// Daemon is everything that runs, put together: it serves from Start until Stop.
class Daemon {
 public:
  // Start opens the keystore, the backends and the sockets, and serves. Errors are sentences for the person who started
  // the daemon.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const v1::Config& config, PassedDescriptors descriptors);

  ~Daemon();

  // ReloadPolicy takes the policy file if it has no mistakes, and keeps the policy in force if it has.
  absl::Status ReloadPolicy();

  // IsResponsive is false when something that a restart would help has hung for ten seconds: the workers, the threads
  // of a socket, or one that has a device, with work waiting. For the service manager's watchdog; one thread may ask.
  bool IsResponsive() { return liveness_.IsAlive(); }

  // Stop lets the calls under way finish, for a few seconds at most.
  void Stop();

 private:
  explicit Daemon(const v1::Config& config) : config_(config) {}

  absl::Status OpenStore();
  absl::Status OpenClock();
  absl::Status OpenLists();
  void LookAtTheTime();
  // Clock is what everything that judges by the time asks.
  std::function<absl::Time()> Clock() const {
    return [this] { return clock_->Now(); };
  }
  absl::Status OpenBackends();
  absl::Status OpenTickets(PassedDescriptors& descriptors);
  absl::Status Serve(PassedDescriptors& descriptors);
  void WatchParts();
  void FillStatus(const Subject& caller, v1::GetStatusResponse& status);
  void FillLoad(v1::GetStatusResponse& status);

  const v1::Config config_;
  const absl::Time started_ = absl::Now();
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::string policy_error_;

  // In the order in which each needs those before it.
  ChangeNotice changes_;
  ParticipantBook book_{&IsSameProcess};
  std::unique_ptr<SpdlogAuditLog> audit_;
  std::unique_ptr<DecisionStatistics> statistics_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<ClockGuard> clock_;
  std::unique_ptr<FileLists> file_lists_;
  std::unique_ptr<ExpiryWatch> expiry_;
  std::unique_ptr<ListWatcher> list_watcher_;
  std::unique_ptr<Authorizer> authorizer_;
  std::unique_ptr<CertificateValidator> validator_;
  std::unique_ptr<TicketRoots> roots_;
  std::unique_ptr<TicketSealer> sealer_;
  std::unique_ptr<BackendSet> backends_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<CallLimiter> application_limiter_;
  std::unique_ptr<AuthenticationCustodian> authentication_;
  std::unique_ptr<PeerReviewer> reviewer_;
  std::unique_ptr<WatchBoard> board_;
  std::unique_ptr<SigningCustodian> signing_;
  std::unique_ptr<KeyCustodian> administration_;
  std::unique_ptr<IdentityCustodian> identities_;
  std::unique_ptr<StoreChecker> checker_;
  std::unique_ptr<BackupCustodian> backup_;
  std::unique_ptr<TrustCustodian> trust_;
  std::unique_ptr<ClockCustodian> clock_custodian_;
  std::unique_ptr<AttestationCustodian> attestation_;
  PeerRegistry admin_peers_;
  std::unique_ptr<CallLimiter> admin_limiter_;
  std::unique_ptr<AuthenticationHandler> authentication_handler_;
  std::unique_ptr<SigningHandler> signing_handler_;
  std::unique_ptr<AdminHandler> admin_handler_;
  // For calls of GetStatus, which may come before the servers are known here.
  std::mutex servers_mutex_;
  std::unique_ptr<UnaryServer> application_server_;
  std::unique_ptr<RpcServer> admin_server_;
  Liveness liveness_{std::chrono::seconds(10)};
  // Of LookAtTheTime: how many looks are left until the next at what ends.
  int until_expiry_ = 0;
  std::unique_ptr<PeriodicTask> looking_at_the_time_;
  // Null if no file is configured.
  std::unique_ptr<PeriodicTask> watching_lists_;
  std::unique_ptr<PeriodicTask> retiring_keys_;
};

}  // namespace ddskey

#endif  // DAEMON_DAEMON_H_
