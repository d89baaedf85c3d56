#ifndef TEST_FUZZ_RPC_DAEMON_H_
#define TEST_FUZZ_RPC_DAEMON_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/audit/audit_log.h"
#include "daemon/custodian/attestation_custodian.h"
#include "daemon/custodian/authentication_custodian.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/backup_custodian.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/clock_custodian.h"
#include "daemon/custodian/clock_guard.h"
#include "daemon/custodian/identity_custodian.h"
#include "daemon/custodian/key_custodian.h"
#include "daemon/custodian/participant_book.h"
#include "daemon/custodian/peer_reviewer.h"
#include "daemon/custodian/store_checker.h"
#include "daemon/custodian/trust_custodian.h"
#include "daemon/custodian/watch_board.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/handshake/ticket.h"
#include "daemon/handshake/ticket_roots.h"
#include "daemon/keystore/key_store.h"
#include "daemon/rpc/admin_handler.h"
#include "daemon/rpc/authentication_handler.h"
#include "daemon/rpc/call_limiter.h"
#include "daemon/rpc/peer_credentials.h"
#include "daemon/rpc/peer_registry.h"
#include "daemon/rpc/server.h"
#include "daemon/rpc/unary_server.h"
#include "daemon/trust/certificate_validator.h"
#include "test/support/temp_dir.h"

namespace ddskey::fuzz {

// RpcDaemon is the daemon from its socket to its keys, in this process, with a device that is a fake. This process may
// do everything.
class RpcDaemon {
 public:
  // Answer is what a call came to, octets as they travelled.
  struct Answer {
    grpc::StatusCode code;
    std::string response;
  };

  // Get makes it at first use; it ends with the program.
  static RpcDaemon& Get();

  // Call sends `request` to `method` of the service ("AuthenticationService" or "AdminService").
  Answer Call(const std::string& service, const std::string& method, const std::string& request);

 private:
  RpcDaemon();
  ~RpcDaemon();

  class NoAudit final : public AuditLog {
   public:
    void Record(const AuditRecord&) override {}
    void Flush() override {}
  };

  ChangeNotice changes_;
  ParticipantBook book_{&IsSameProcess};
  test::TempDir dir_;
  NoAudit audit_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<BackendSet> backends_;
  std::unique_ptr<Authorizer> authorizer_;
  std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  std::unique_ptr<TicketRoots> roots_;
  std::unique_ptr<TicketSealer> sealer_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<AuthenticationCustodian> authentication_;
  std::unique_ptr<PeerReviewer> reviewer_;
  std::unique_ptr<WatchBoard> board_;
  std::unique_ptr<KeyCustodian> administration_;
  std::unique_ptr<IdentityCustodian> identities_;
  std::unique_ptr<StoreChecker> checker_;
  std::unique_ptr<BackupCustodian> backup_;
  std::unique_ptr<TrustCustodian> trust_;
  std::unique_ptr<ClockGuard> clock_;
  std::unique_ptr<ClockCustodian> clock_custodian_;
  std::unique_ptr<AttestationCustodian> attestation_;
  PeerRegistry peers_;
  std::unique_ptr<CallLimiter> limiter_;
  std::unique_ptr<AuthenticationHandler> authentication_handler_;
  std::unique_ptr<AdminHandler> admin_handler_;
  std::unique_ptr<UnaryServer> application_server_;
  std::unique_ptr<RpcServer> admin_server_;
  std::unique_ptr<grpc::GenericStub> application_stub_;
  std::unique_ptr<grpc::GenericStub> admin_stub_;
};

// RequestText is a call of a script: `call METHOD`, then the fields of its request, a line each:
//
//   N=VALUE     octets, text or a message, with escapes and what `expand` makes of {names}
//   N:NUMBER    a number
//   N{ and }    a message between these lines
//   raw=OCTETS
struct RequestText {
  std::string method;
  std::vector<std::string_view> lines;
};

// ReadRequests splits a script into its calls, at most 10.
std::vector<RequestText> ReadRequests(std::string_view input);

// Serialize writes a request in wire format. `expand` replaces a name.
std::string Serialize(const RequestText& request, const std::function<std::string(const std::string&)>& expand);

}  // namespace ddskey::fuzz

#endif  // TEST_FUZZ_RPC_DAEMON_H_
