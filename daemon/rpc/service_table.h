#ifndef DAEMON_RPC_SERVICE_TABLE_H_
#define DAEMON_RPC_SERVICE_TABLE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "daemon/rpc/unary_call.h"

namespace ddskey {

// ServiceTable is the methods that a server serves, by the path of their calls. It is filled before the server starts,
// and only read afterwards.
class ServiceTable {
 public:
  using Call = std::shared_ptr<UnaryCall>;

  // Add serves calls of `path`, "/ddskey.v1.SigningService/SignDigest", with `handle`, which is given the call, its
  // request and the response to fill in, and sees to it that the call is finished. It must not block, nor use the
  // request after it has returned.
  template <typename Request, typename Response>
  void Add(std::string path, std::function<void(const Call&, const Request&, Response*)> handle) {
    methods_[std::move(path)] = [handle = std::move(handle)](const Call& call, const std::string& message) {
      // Gone when the call has begun.
      Request request;
      if (!request.ParseFromString(message)) {
        return call->Finish(absl::InvalidArgumentError("the request is no message of this method"));
      }
      auto* const response = call->Make<Response>();
      call->SetResponse(response);
      handle(call, request, response);
    };
  }

  // Handle begins a call with its request as it came. UNIMPLEMENTED is its answer if nobody serves the path.
  void Handle(const std::string& path, const Call& call, const std::string& message) const {
    const auto found = methods_.find(path);
    if (found == methods_.end()) {
      return call->Finish(absl::UnimplementedError("this daemon has no such method: is it older than its client?"));
    }
    found->second(call, message);
  }

 private:
  std::unordered_map<std::string, std::function<void(const Call&, const std::string&)>> methods_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_SERVICE_TABLE_H_
