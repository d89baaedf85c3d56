#ifndef TEST_FAKES_FAKE_AUTHENTICATION_SERVICE_H_
#define TEST_FAKES_FAKE_AUTHENTICATION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ddskey/v1/authentication.grpc.pb.h"

namespace ddskey::test {

// FakeAuthenticationService is a gRPC server of ddskey.v1.AuthenticationService without keys or cryptography, whose
// answers are scripted. Unscripted, it plays both sides of handshakes so that two participants of it come to the same
// secret. It checks that tickets are brought back as they were given. Thread-safe.
class FakeAuthenticationService final : public v1::AuthenticationService::Service {
 public:
  // Serves on `socket` at once.
  explicit FakeAuthenticationService(std::string socket);
  ~FakeAuthenticationService() override;

  // Stop hangs up on everybody; Start serves again. ForgetTickets makes the tickets given so far
  // useless, as a daemon does that lost its roots.
  void Stop();
  void Start();
  void ForgetTickets();

  // Fail makes the next `times` calls of `method` ("SignHandshake", ...) fail.
  void Fail(const std::string& method, grpc::StatusCode code, const std::string& message, int times = 1);
  // Pend makes the next `times` answers of steps that need a signature carry a sign ticket only.
  void Pend(int times);
  // Stall makes calls hang until their deadline, or until stalled no more.
  void Stall(bool stalled);

  // Change makes the revision another one. Refuse makes CheckPeers refuse whoever has `certificate`, peer or
  // participant, and unless `change` is false changes the revision.
  void Change();
  void Refuse(const std::string& certificate, const std::string& why, bool change = true);
  // ResultFor is what a handshake with a peer that has `certificate` comes to, without a secret.
  v1::HandshakeResult ResultFor(const std::string& certificate);
  // held is the number of calls of Watch that wait.
  int held() const;

  // Calls is the number of calls of `method` so far, whatever became of them.
  int Calls(const std::string& method) const;
  // What the last calls brought.
  v1::ValidateLocalIdentityRequest last_identity() const;
  v1::BeginHandshakeRequestRequest last_begin_request() const;
  v1::BeginHandshakeReplyRequest last_begin_reply() const;
  v1::ProcessHandshakeRequest last_process() const;

  // kBadProperty is the name of a binary property that makes a message refused with INVALID_ARGUMENT.
  static constexpr char kBadProperty[] = "bad";

 private:
  struct Failure {
    grpc::StatusCode code;
    std::string message;
  };

  grpc::Status ValidateLocalIdentity(grpc::ServerContext* context, const v1::ValidateLocalIdentityRequest* request,
                                     v1::ValidateLocalIdentityResponse* response) override;
  grpc::Status BeginHandshakeRequest(grpc::ServerContext* context, const v1::BeginHandshakeRequestRequest* request,
                                     v1::HandshakeStep* step) override;
  grpc::Status BeginHandshakeReply(grpc::ServerContext* context, const v1::BeginHandshakeReplyRequest* request,
                                   v1::HandshakeStep* step) override;
  grpc::Status ProcessHandshake(grpc::ServerContext* context, const v1::ProcessHandshakeRequest* request,
                                v1::HandshakeStep* step) override;
  grpc::Status SignHandshake(grpc::ServerContext* context, const v1::SignHandshakeRequest* request,
                             v1::HandshakeStep* step) override;
  grpc::Status SignParticipantData(grpc::ServerContext* context, const v1::SignParticipantDataRequest* request,
                                   v1::SignParticipantDataResponse* response) override;

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     v1::WatchResponse* response) override;
  grpc::Status CheckPeers(grpc::ServerContext* context, const v1::CheckPeersRequest* request,
                          v1::CheckPeersResponse* response) override;

  // Enter counts a call, lets it stall, and returns the failure scripted for it.
  grpc::Status Enter(const std::string& method, grpc::ServerContext* context);
  grpc::Status OpenTicket(const std::string& ticket, const std::string& kind) const;
  std::string Seal(const std::string& kind, const std::string& body);
  void FillResult(v1::HandshakeResult& result, const std::string& challenge1, const std::string& challenge2,
                  const v1::DataHolder& message);
  void FillPeer(v1::HandshakeResult& result);
  // Deliver answers with `step`, or with a ticket for it while answers are to pend.
  void Deliver(const v1::HandshakeStep& step, v1::HandshakeStep* answer);

  const std::string socket_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<grpc::Server> server_;
  std::map<std::string, int> calls_;
  std::map<std::string, std::deque<Failure>> failures_;
  std::map<std::string, std::string> tickets_;
  std::map<std::string, v1::HandshakeStep> pending_;
  int to_pend_ = 0;
  bool stalled_ = false;
  int next_ticket_ = 0;
  uint64_t revision_ = 0;
  int held_ = 0;
  std::map<std::string, std::string> refused_;
  v1::ValidateLocalIdentityRequest last_identity_;
  v1::BeginHandshakeRequestRequest last_begin_request_;
  v1::BeginHandshakeReplyRequest last_begin_reply_;
  v1::ProcessHandshakeRequest last_process_;
};

}  // namespace ddskey::test

#endif  // TEST_FAKES_FAKE_AUTHENTICATION_SERVICE_H_
