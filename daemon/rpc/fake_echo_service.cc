#include "daemon/rpc/fake_echo_service.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

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

// SleepingCall holds a call of a UnaryServer as SleepingUnary holds one of gRPC.
class SleepingCall : public std::enable_shared_from_this<SleepingCall> {
 public:
  SleepingCall(FakeEchoService& service, ServiceTable::Call call) : service_(service), call_(std::move(call)) {
    ++service_.running;
  }

  void Begin(uint32_t milliseconds) {
    // An alarm keeps what it calls for as long as it is there itself.
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(milliseconds),
               [holder = std::make_shared<std::shared_ptr<SleepingCall>>(shared_from_this())](bool) {
                 const std::shared_ptr<SleepingCall> self = std::move(*holder);
                 self->call_->Finish(absl::OkStatus());
                 --self->service_.running;
               });
    call_->OnGone([self = shared_from_this()] {
      ++self->service_.cancelled;
      self->alarm_.Cancel();
    });
  }

 private:
  FakeEchoService& service_;
  const ServiceTable::Call call_;
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

void FakeEchoService::AddTo(ServiceTable& services) {
  services.Add<EchoRequest, EchoReply>(
      "/ddskey.test.EchoService/Unary",
      [this](const ServiceTable::Call& call, const EchoRequest& request, EchoReply* reply) {
        ++calls;
        reply->set_uid(call->caller().uid);
        reply->set_gid(call->caller().gid);
        reply->set_pid(call->caller().pid);
        reply->set_start_time(call->caller().start_time);
        reply->set_payload(Payload(request));
        if (request.sleep_ms() == 0) return call->Finish(absl::OkStatus());
        std::make_shared<SleepingCall>(*this, call)->Begin(request.sleep_ms());
      });
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
