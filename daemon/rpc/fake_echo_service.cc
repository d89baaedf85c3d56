#include "daemon/rpc/fake_echo_service.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <mutex>
#include <string>

#include "daemon/rpc/wire_status.h"

namespace ddskey::test {
namespace {

std::string Payload(const EchoRequest& request) {
  return request.want_octets() > 0 ? std::string(request.want_octets(), 'x') : request.payload();
}

class SleepingUnary : public grpc::ServerUnaryReactor {
 public:
  SleepingUnary(FakeEchoService& service, uint32_t milliseconds) : service_(service) {
    ++service_.running;
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(milliseconds),
               [this](bool) { Finish(grpc::Status::OK); });
  }
  void OnCancel() override {
    ++service_.cancelled;
    alarm_.Cancel();
  }
  void OnDone() override {
    --service_.running;
    delete this;
  }

 private:
  FakeEchoService& service_;
  grpc::Alarm alarm_;
};

class StreamWriter : public grpc::ServerWriteReactor<EchoReply> {
 public:
  StreamWriter(FakeEchoService& service, const grpc::ServerContextBase& context, const EchoRequest& request)
      : service_(service), left_(request.count()) {
    ++service_.running;
    reply_.set_payload(Payload(request));
    if (grpc::Status status = service_.Describe(context, reply_); !status.ok()) {
      Finish(status);
      return;
    }
    Next();
  }
  void OnWriteDone(bool ok) override { ok ? Next() : Finish(grpc::Status::CANCELLED); }
  void OnCancel() override { ++service_.cancelled; }
  void OnDone() override {
    --service_.running;
    delete this;
  }

 private:
  void Next() {
    if (left_ == 0) return Finish(grpc::Status::OK);
    --left_;
    StartWrite(&reply_);
  }

  FakeEchoService& service_;
  uint32_t left_;
  EchoReply reply_;
};

}  // namespace

grpc::Status FakeEchoService::Describe(const grpc::ServerContextBase& context, EchoReply& reply) const {
  const auto subject = peers_.Identify(context);
  if (!subject.ok()) return ToWire(subject.status());
  reply.set_uid(subject->uid);
  reply.set_gid(subject->gid);
  reply.set_pid(subject->pid);
  reply.set_start_time(subject->start_time);
  reply.set_peer(context.peer());
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* FakeEchoService::Unary(grpc::CallbackServerContext* context, const EchoRequest* request,
                                                 EchoReply* reply) {
  ++calls;
  const grpc::Status status = Describe(*context, *reply);
  reply->set_payload(Payload(*request));
  if (status.ok() && request->sleep_ms() > 0) return new SleepingUnary(*this, request->sleep_ms());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

grpc::ServerWriteReactor<EchoReply>* FakeEchoService::Stream(grpc::CallbackServerContext* context,
                                                             const EchoRequest* request) {
  ++calls;
  return new StreamWriter(*this, *context, *request);
}

}  // namespace ddskey::test
