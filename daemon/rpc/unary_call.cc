#include "daemon/rpc/unary_call.h"

#include <string>
#include <utility>

#include "daemon/rpc/wire_status.h"

namespace ddskey {

UnaryCall::~UnaryCall() { Finish(absl::InternalError("the call was dropped")); }

void UnaryCall::Finish(const absl::Status& status) {
  std::function<void()> gone;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    gone = std::exchange(gone_, nullptr);
    if (has_left_) return;
  }
  const grpc::Status told = ToWire(status);
  Http2Session::Answer answer;
  answer.code = static_cast<int>(told.error_code());
  answer.message = told.error_message();
  if (told.ok() && response_ != nullptr) {
    // At once in one piece, as what is in it may be secret.
    answer.response.reserve(response_->ByteSizeLong());
    response_->AppendToString(&answer.response);
  }
  origin_.sink->Respond(origin_.stream, std::move(answer));
}

void UnaryCall::OnGone(std::function<void()> gone) {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    if (!has_left_) {
      gone_ = std::move(gone);
      return;
    }
  }
  gone();
}

void UnaryCall::Leave() {
  std::function<void()> gone;
  {
    const std::lock_guard lock(mutex_);
    has_left_ = true;
    gone = std::exchange(gone_, nullptr);
  }
  if (gone) gone();
}

}  // namespace ddskey
