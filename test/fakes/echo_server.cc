// A gRPC server for tests of the client: echo_server SOCKET [CONNECTION_AGE_MS].

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "test/fakes/echo.grpc.pb.h"

namespace ddskey::test {
namespace {

class EchoServer : public EchoService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const EchoRequest* request,
                                 EchoResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    const auto left = context->deadline() - std::chrono::system_clock::now();
    response->set_time_left_ms(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
    response->set_pid(getpid());
    response->set_payload(request->response_size() > 0 ? std::string(request->response_size(), 'x')
                                                       : request->payload());
    const grpc::Status status(static_cast<grpc::StatusCode>(request->code()), request->message());
    if (request->delay_ms() == 0 || (request->delaying_pid() != 0 && request->delaying_pid() != getpid())) {
      reactor->Finish(status);
      return reactor;
    }
    const auto alarm = std::make_shared<grpc::Alarm>();
    const auto at = std::chrono::system_clock::now() + std::chrono::milliseconds(request->delay_ms());
    alarm->Set(at, [reactor, status, alarm](bool) { reactor->Finish(status); });
    return reactor;
  }
};

int Serve(const char* socket, const char* age_ms) {
  EchoServer service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + std::string(socket), grpc::InsecureServerCredentials());
  if (age_ms != nullptr) builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, std::atoi(age_ms));
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return EXIT_FAILURE;
  server->Wait();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace ddskey::test

int main(int argc, char** argv) {
  if (argc < 2) return EXIT_FAILURE;
  return ddskey::test::Serve(argv[1], argc > 2 ? argv[2] : nullptr);
}
