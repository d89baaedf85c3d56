#include "test/fakes/fake_authentication_service.h"

#include <chrono>
#include <cstdlib>
#include <utility>

namespace ddskey::test {
namespace {

constexpr char kClass[] = "DDS:Auth:PKI-DH:1.0";

void AddBinary(v1::DataHolder& holder, const std::string& name, const std::string& value) {
  v1::BinaryProperty& property = *holder.add_binary_properties();
  property.set_name(name);
  property.set_value(value);
}

std::string Binary(const v1::DataHolder& holder, const std::string& name) {
  for (const v1::BinaryProperty& property : holder.binary_properties()) {
    if (property.name() == name) return property.value();
  }
  return {};
}

bool IsBad(const v1::DataHolder& message) { return !Binary(message, FakeAuthenticationService::kBadProperty).empty(); }

grpc::Status Refusal() { return {grpc::StatusCode::INVALID_ARGUMENT, "[signature] does not verify"}; }

}  // namespace

void FakeAuthenticationService::FillResult(v1::HandshakeResult& result, const std::string& challenge1,
                                           const std::string& challenge2, const v1::DataHolder& message) {
  result.set_shared_secret(challenge1.substr(0, 16) + challenge2.substr(0, 16));
  result.set_challenge1(challenge1);
  result.set_challenge2(challenge2);
  result.set_peer_certificate(Binary(message, "c.id"));
  result.set_peer_permissions(Binary(message, "c.perm"));
  FillPeer(result);
}

void FakeAuthenticationService::FillPeer(v1::HandshakeResult& result) {
  result.set_peer_ticket(Seal("peer", result.peer_certificate()));
  result.set_revision(revision_);
  result.set_good_for_ms(3'600'000);
}

v1::HandshakeResult FakeAuthenticationService::ResultFor(const std::string& certificate) {
  const std::lock_guard lock(mutex_);
  v1::HandshakeResult result;
  result.set_peer_certificate(certificate);
  FillPeer(result);
  return result;
}

FakeAuthenticationService::FakeAuthenticationService(std::string socket) : socket_(std::move(socket)) { Start(); }

FakeAuthenticationService::~FakeAuthenticationService() { Stop(); }

void FakeAuthenticationService::Start() {
  {
    // As a daemon that has started again.
    const std::lock_guard lock(mutex_);
    revision_ += 1'000'000;
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) std::abort();
}

void FakeAuthenticationService::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeAuthenticationService::ForgetTickets() {
  const std::lock_guard lock(mutex_);
  tickets_.clear();
  pending_.clear();
}

void FakeAuthenticationService::Fail(const std::string& method, grpc::StatusCode code, const std::string& message,
                                     int times) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < times; ++i) failures_[method].push_back({code, message});
}

void FakeAuthenticationService::Pend(int times) {
  const std::lock_guard lock(mutex_);
  to_pend_ = times;
}

void FakeAuthenticationService::Stall(bool stalled) {
  const std::lock_guard lock(mutex_);
  stalled_ = stalled;
  changed_.notify_all();
}

void FakeAuthenticationService::Change() {
  const std::lock_guard lock(mutex_);
  ++revision_;
  changed_.notify_all();
}

void FakeAuthenticationService::Refuse(const std::string& certificate, const std::string& why, bool change) {
  const std::lock_guard lock(mutex_);
  refused_[certificate] = why;
  if (change) ++revision_;
  changed_.notify_all();
}

int FakeAuthenticationService::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

int FakeAuthenticationService::Calls(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

v1::ValidateLocalIdentityRequest FakeAuthenticationService::last_identity() const {
  const std::lock_guard lock(mutex_);
  return last_identity_;
}

v1::BeginHandshakeRequestRequest FakeAuthenticationService::last_begin_request() const {
  const std::lock_guard lock(mutex_);
  return last_begin_request_;
}

v1::BeginHandshakeReplyRequest FakeAuthenticationService::last_begin_reply() const {
  const std::lock_guard lock(mutex_);
  return last_begin_reply_;
}

v1::ProcessHandshakeRequest FakeAuthenticationService::last_process() const {
  const std::lock_guard lock(mutex_);
  return last_process_;
}

grpc::Status FakeAuthenticationService::Enter(const std::string& method, grpc::ServerContext* context) {
  std::unique_lock lock(mutex_);
  ++calls_[method];
  while (stalled_ && !context->IsCancelled()) changed_.wait_for(lock, std::chrono::milliseconds(5));
  std::deque<Failure>& failures = failures_[method];
  if (failures.empty()) return grpc::Status::OK;
  const Failure failure = failures.front();
  failures.pop_front();
  return {failure.code, failure.message};
}

std::string FakeAuthenticationService::Seal(const std::string& kind, const std::string& body) {
  std::string ticket = kind + "-" + std::to_string(++next_ticket_);
  tickets_[ticket] = body;
  return ticket;
}

grpc::Status FakeAuthenticationService::OpenTicket(const std::string& ticket, const std::string& kind) const {
  if (ticket.starts_with(kind + "-") && tickets_.contains(ticket)) return grpc::Status::OK;
  return {grpc::StatusCode::FAILED_PRECONDITION, "this " + kind + " ticket cannot be opened"};
}

void FakeAuthenticationService::Deliver(const v1::HandshakeStep& step, v1::HandshakeStep* answer) {
  if (to_pend_ > 0) {
    --to_pend_;
    answer->set_sign_ticket(Seal("sign", ""));
    pending_[answer->sign_ticket()] = step;
    return;
  }
  *answer = step;
}

grpc::Status FakeAuthenticationService::ValidateLocalIdentity(grpc::ServerContext* context,
                                                              const v1::ValidateLocalIdentityRequest* request,
                                                              v1::ValidateLocalIdentityResponse* response) {
  if (grpc::Status status = Enter("ValidateLocalIdentity", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  last_identity_ = *request;
  // Only the first bit is adjusted: a test's candidates keep their order.
  std::string guid = request->candidate_guid();
  guid[0] = static_cast<char>(guid[0] | 0x80);
  response->set_adjusted_guid(guid);
  response->set_identity_ticket(Seal("identity", request->identity_certificate()));
  response->mutable_identity_token()->set_class_id(kClass);
  v1::Property& property = *response->mutable_identity_token()->add_properties();
  property.set_name("dds.cert.sn");
  property.set_value("CN=" + request->key_name());
  response->set_not_after(4'000'000'000);
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::BeginHandshakeRequest(grpc::ServerContext* context,
                                                              const v1::BeginHandshakeRequestRequest* request,
                                                              v1::HandshakeStep* step) {
  if (grpc::Status status = Enter("BeginHandshakeRequest", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  last_begin_request_ = *request;
  if (grpc::Status status = OpenTicket(request->identity_ticket(), "identity"); !status.ok()) return status;
  v1::DataHolder& message = *step->mutable_message();
  message.set_class_id(std::string(kClass) + "+Req");
  AddBinary(message, "c.id", tickets_[request->identity_ticket()]);
  AddBinary(message, "c.perm", request->permissions());
  AddBinary(message, "c.pdata", request->participant_data());
  AddBinary(message, "challenge1", request->challenge());
  step->set_handshake_ticket(Seal("request", request->challenge()));
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::BeginHandshakeReply(grpc::ServerContext* context,
                                                            const v1::BeginHandshakeReplyRequest* request,
                                                            v1::HandshakeStep* step) {
  if (grpc::Status status = Enter("BeginHandshakeReply", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  last_begin_reply_ = *request;
  if (grpc::Status status = OpenTicket(request->identity_ticket(), "identity"); !status.ok()) return status;
  if (IsBad(request->request())) return Refusal();
  v1::HandshakeStep reply;
  v1::DataHolder& message = *reply.mutable_message();
  message.set_class_id(std::string(kClass) + "+Reply");
  AddBinary(message, "c.id", tickets_[request->identity_ticket()]);
  AddBinary(message, "c.perm", request->permissions());
  AddBinary(message, "challenge1", Binary(request->request(), "challenge1"));
  AddBinary(message, "challenge2", request->challenge());
  // The peer's challenge and what a Final's result needs of the Request.
  reply.set_handshake_ticket(Seal("reply", request->request().SerializeAsString()));
  tickets_[reply.handshake_ticket() + "/challenge2"] = request->challenge();
  Deliver(reply, step);
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::ProcessHandshake(grpc::ServerContext* context,
                                                         const v1::ProcessHandshakeRequest* request,
                                                         v1::HandshakeStep* step) {
  if (grpc::Status status = Enter("ProcessHandshake", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  last_process_ = *request;
  if (grpc::Status status = OpenTicket(request->identity_ticket(), "identity"); !status.ok()) return status;
  if (IsBad(request->message())) return Refusal();
  const std::string& ticket = request->handshake_ticket();
  if (OpenTicket(ticket, "reply").ok()) {
    v1::DataHolder first;
    first.ParseFromString(tickets_[ticket]);
    FillResult(*step->mutable_result(), Binary(first, "challenge1"), tickets_[ticket + "/challenge2"], first);
    return grpc::Status::OK;
  }
  if (grpc::Status status = OpenTicket(ticket, "request"); !status.ok()) return status;
  v1::HandshakeStep final_step;
  v1::DataHolder& message = *final_step.mutable_message();
  message.set_class_id(std::string(kClass) + "+Final");
  AddBinary(message, "challenge1", tickets_[ticket]);
  AddBinary(message, "challenge2", Binary(request->message(), "challenge2"));
  FillResult(*final_step.mutable_result(), tickets_[ticket], Binary(request->message(), "challenge2"),
             request->message());
  Deliver(final_step, step);
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::SignHandshake(grpc::ServerContext* context,
                                                      const v1::SignHandshakeRequest* request,
                                                      v1::HandshakeStep* step) {
  if (grpc::Status status = Enter("SignHandshake", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  if (grpc::Status status = OpenTicket(request->sign_ticket(), "sign"); !status.ok()) return status;
  if (to_pend_ > 0) {
    --to_pend_;
    step->set_sign_ticket(request->sign_ticket());
  } else {
    *step = pending_[request->sign_ticket()];
  }
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::SignParticipantData(grpc::ServerContext* context,
                                                            const v1::SignParticipantDataRequest* request,
                                                            v1::SignParticipantDataResponse* response) {
  if (grpc::Status status = Enter("SignParticipantData", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  if (grpc::Status status = OpenTicket(request->identity_ticket(), "identity"); !status.ok()) return status;
  if (to_pend_ > 0) {
    --to_pend_;
  } else {
    response->set_signature("revision " + std::to_string(request->revision()) + " of " + request->participant_data());
  }
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                                              v1::WatchResponse* response) {
  if (grpc::Status status = Enter("Watch", context); !status.ok()) return status;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(request->wait_ms());
  std::unique_lock lock(mutex_);
  ++held_;
  while (revision_ == request->revision() && std::chrono::steady_clock::now() < until && !context->IsCancelled()) {
    changed_.wait_for(lock, std::chrono::milliseconds(5));
  }
  --held_;
  response->set_revision(revision_);
  return grpc::Status::OK;
}

grpc::Status FakeAuthenticationService::CheckPeers(grpc::ServerContext* context, const v1::CheckPeersRequest* request,
                                                   v1::CheckPeersResponse* response) {
  if (grpc::Status status = Enter("CheckPeers", context); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  if (grpc::Status status = OpenTicket(request->identity_ticket(), "identity"); !status.ok()) return status;
  response->set_revision(revision_);
  if (const auto own = refused_.find(tickets_[request->identity_ticket()]); own != refused_.end()) {
    response->set_identity_refused(own->second);
    return grpc::Status::OK;
  }
  response->set_not_after(4'000'000'000);
  response->set_good_for_ms(3'600'000);
  for (const std::string& ticket : request->peer_ticket()) {
    v1::PeerVerdict& verdict = *response->add_verdict();
    verdict.set_outcome(v1::PeerVerdict::UNKNOWN_TICKET);
    if (!OpenTicket(ticket, "peer").ok()) continue;
    const auto refused = refused_.find(tickets_[ticket]);
    verdict.set_outcome(refused == refused_.end() ? v1::PeerVerdict::GOOD : v1::PeerVerdict::REFUSED);
    verdict.set_good_for_ms(3'600'000);
    if (refused != refused_.end()) verdict.set_refusal(refused->second);
  }
  return grpc::Status::OK;
}

}  // namespace ddskey::test
