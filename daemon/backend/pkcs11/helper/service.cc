#include "daemon/backend/pkcs11/helper/service.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/backend/pkcs11/answer.h"
#include "daemon/backend/pkcs11/frame.h"
#include "daemon/backend/pkcs11/helper/ckr.h"
#include "daemon/backend/pkcs11/helper/monitor.h"
#include "daemon/backend/pkcs11/token.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kProtocol = 2;
constexpr size_t kMaxName = 64;
constexpr uint32_t kMaxLimitMs = 600'000;
constexpr milliseconds kLastWords(100);
constexpr int kBadRequest = 4;

// Request is a message with its secret.
struct Request {
  wire::HelperRequest message;
  std::unique_ptr<SecretBytes> secret;
};

bool IsName(const std::string& id) { return !id.empty() && id.size() <= kMaxName; }

absl::Status BadRequest() { return absl::InvalidArgumentError("the PKCS#11 helper does not know this request"); }

// Service is what the threads share.
class Service {
 public:
  Service(int connection, FrameReader reader, ServedToken& token)
      : connection_(connection), reader_(std::move(reader)), token_(token) {}

  // Each worker in turn waits for a request, and works on it while the next one waits.
  [[noreturn]] void Work(size_t worker, Monitor& monitor) {
    while (true) {
      const Request request = Receive();
      const uint64_t id = request.message.id();
      monitor.Begin(worker, id, milliseconds(std::clamp(request.message.limit_ms(), uint32_t{1}, kMaxLimitMs)));
      wire::HelperAnswer answer;
      Fail(Do(request, answer), answer);
      monitor.End(worker);
      answer.set_id(id);
      Write(answer);
    }
  }

  // SayHung tells the daemon which call it is that ends this process.
  void SayHung(uint64_t id) {
    wire::HelperAnswer answer;
    answer.set_id(id);
    Fail(absl::DeadlineExceededError("the PKCS#11 module hangs: its process is started again"), answer);
    const std::unique_lock lock(write_mutex_, kLastWords);
    if (lock.owns_lock()) WriteFrame(connection_, answer.SerializeAsString(), {}, MSG_DONTWAIT).IgnoreError();
  }

 private:
  void Write(const wire::HelperAnswer& answer) {
    const std::string message = answer.SerializeAsString();
    const std::lock_guard lock(write_mutex_);
    if (!WriteFrame(connection_, message, {}, 0).ok()) _exit(EXIT_SUCCESS);
  }

  Request Receive() {
    const std::lock_guard lock(read_mutex_);
    while (true) {
      const auto frame = reader_.Next();
      if (!frame.ok()) _exit(kBadRequest);
      if (frame->has_value()) return Copy(**frame);
      if (!reader_.Fill(connection_).ok()) _exit(EXIT_SUCCESS);
    }
  }

  static Request Copy(const Frame& frame) {
    Request request;
    if (!request.message.ParseFromArray(frame.message.data(), static_cast<int>(frame.message.size()))) {
      _exit(kBadRequest);
    }
    if (frame.secret.empty()) return request;
    auto secret = SecretBytes::Allocate(frame.secret.size());
    if (!secret.ok()) _exit(kBadRequest);
    std::copy(frame.secret.begin(), frame.secret.end(), secret->Reveal(SecretAccess()).begin());
    request.secret = std::make_unique<SecretBytes>(*std::move(secret));
    return request;
  }

  absl::Status Do(const Request& request, wire::HelperAnswer& answer) {
    switch (request.message.call_case()) {
      case wire::HelperRequest::kOpen:
        return Open(request, answer);
      case wire::HelperRequest::kCreate:
        return Make(request.message.create(), answer);
      case wire::HelperRequest::kFind: {
        const std::string& label = request.message.find().label();
        if (!IsName(label)) return BadRequest();
        ASSIGN_OR_RETURN(*answer.mutable_key(), token_.Find(label));
        return absl::OkStatus();
      }
      case wire::HelperRequest::kSign:
        return Sign(request.message.sign(), answer);
      case wire::HelperRequest::kDestroy:
        if (!IsName(request.message.destroy().id())) return BadRequest();
        return token_.Destroy(request.message.destroy().id());
      default:
        return BadRequest();
    }
  }

  absl::Status Open(const Request& request, wire::HelperAnswer& answer) {
    const wire::OpenCall& call = request.message.open();
    if (call.version() != kProtocol) {
      return absl::FailedPreconditionError("ddskeyd and ddskeyd-pkcs11 are not of one version: install them together");
    }
    Pin pin;
    if (request.secret != nullptr) pin.octets = std::as_const(*request.secret).Reveal(SecretAccess());
    if (call.pin_history() == wire::PIN_HISTORY_ACCEPTED) pin.knowledge = PinKnowledge::kAccepted;
    if (call.pin_history() == wire::PIN_HISTORY_IN_DOUBT) pin.knowledge = PinKnowledge::kInDoubt;
    pin.before_try = [this, &request] {
      wire::HelperAnswer notice;
      notice.set_id(request.message.id());
      notice.set_tries_pin(true);
      Write(notice);
    };
    ASSIGN_OR_RETURN(*answer.mutable_token(), token_.Open(pin));
    return absl::OkStatus();
  }

  absl::Status Make(const wire::CreateCall& call, wire::HelperAnswer& answer) {
    const auto algorithm = std::find_if(kAllAlgorithms.begin(), kAllAlgorithms.end(), [&call](KeyAlgorithm known) {
      return static_cast<uint32_t>(known) == call.algorithm();
    });
    if (algorithm == kAllAlgorithms.end() || !IsName(call.id()) || call.label().size() > kMaxName) return BadRequest();
    ASSIGN_OR_RETURN(*answer.mutable_key(), token_.Make(*algorithm, call.id(), call.label()));
    return absl::OkStatus();
  }

  absl::Status Sign(const wire::SignCall& call, wire::HelperAnswer& answer) {
    if (call.scheme() > static_cast<uint32_t>(SignatureScheme::kRsaPkcs1Sha384)) return BadRequest();
    const auto scheme = static_cast<SignatureScheme>(call.scheme());
    if (!IsName(call.id()) || call.digest().size() != DigestSize(scheme)) return BadRequest();
    ASSIGN_OR_RETURN(*answer.mutable_signature(), token_.Sign(call.id(), scheme, call.digest()));
    return absl::OkStatus();
  }

  static void Fail(const absl::Status& status, wire::HelperAnswer& answer) {
    if (status.ok()) return;
    constexpr size_t kMaxSentence = 400;
    answer.set_code(static_cast<int32_t>(status.code()));
    answer.set_message(Printable({status.message().data(), status.message().size()}, kMaxSentence));
    answer.set_lost(IsLost(status));
    if (const auto refused = status.GetPayload(kPinRefused); refused.has_value()) {
      answer.set_pin_refused(std::string(*refused));
    }
  }

  const int connection_;
  std::mutex read_mutex_;
  FrameReader reader_;
  std::timed_mutex write_mutex_;
  ServedToken& token_;
};

}  // namespace

absl::Status Serve(int connection, size_t workers, ServedToken& token, const ServiceManager& manager) {
  ASSIGN_OR_RETURN(FrameReader reader, FrameReader::Create());
  // They live as long as the process, which is longer than anything that could end them.
  Service& service = *new Service(connection, std::move(reader), token);
  Monitor& monitor = *new Monitor(connection, workers, manager, [&service](uint64_t id) { service.SayHung(id); });
  for (size_t worker = 1; worker < workers; ++worker) {
    std::thread([&service, &monitor, worker] { service.Work(worker, monitor); }).detach();
  }
  service.Work(0, monitor);
}

}  // namespace ddskey::pkcs11
