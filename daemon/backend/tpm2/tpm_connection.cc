#include "daemon/backend/tpm2/tpm_connection.h"

#include <poll.h>
#include <tss2/tss2_tctildr.h>

#include <array>
#include <utility>

#include "daemon/backend/tpm2/message_bus.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// How long tpm2-tss may wait for the rest of an answer whose beginning is there.
constexpr int kRestOfAnswerMs = 1000;
// How long an answer is still welcome at the end.
constexpr int kLastAnswerMs = 500;

}  // namespace

TctiOpener LoaderOpener(std::string loader_string) {
  return [loader_string = std::move(loader_string)]() -> absl::StatusOr<Tcti> {
    if (loader_string.find("-tabrmd.") != std::string::npos) RETURN_IF_ERROR(PrepareMessageBus(loader_string));
    TSS2_TCTI_CONTEXT* tcti = nullptr;
    RETURN_IF_ERROR(FromTss(Tss2_TctiLdr_Initialize(loader_string.c_str(), &tcti), "connecting to the TPM"));
    return Tcti(tcti, [](TSS2_TCTI_CONTEXT* context) { Tss2_TctiLdr_Finalize(&context); });
  };
}

absl::StatusOr<std::unique_ptr<TpmConnection>> TpmConnection::Open(const TctiOpener& opener, DeviceMonitor& monitor,
                                                                   int stop_fd) {
  monitor.Begin(kPatience);
  auto tcti = opener();
  monitor.End();
  if (!tcti.ok()) return tcti.status();
  ESYS_CONTEXT* esys = nullptr;
  RETURN_IF_ERROR(FromTss(Esys_Initialize(&esys, tcti->get(), nullptr), "starting to talk to the TPM"));
  TSS2_SYS_CONTEXT* sys = nullptr;
  if (const TSS2_RC rc = Esys_GetSysContext(esys, &sys); rc != TSS2_RC_SUCCESS) {
    Esys_Finalize(&esys);
    return FromTss(rc, "starting to talk to the TPM");
  }
  return std::unique_ptr<TpmConnection>(new TpmConnection(*std::move(tcti), esys, sys, monitor, stop_fd));
}

TpmConnection::TpmConnection(Tcti tcti, ESYS_CONTEXT* esys, TSS2_SYS_CONTEXT* sys, DeviceMonitor& monitor, int stop_fd)
    : tcti_(std::move(tcti)), esys_(esys), sys_(sys), monitor_(monitor), stop_fd_(stop_fd) {}

TpmConnection::~TpmConnection() { Esys_Finalize(&esys_); }

bool TpmConnection::IsTryAgain(TSS2_RC rc) {
  return (rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER && (rc & ~TSS2_RC_LAYER_MASK) == TSS2_BASE_RC_TRY_AGAIN;
}

TSS2_RC TpmConnection::Await() {
  TSS2_TCTI_POLL_HANDLE handle = {};
  size_t handles = 1;
  if (Tss2_Tcti_GetPollHandles(tcti_.get(), &handle, &handles) != TSS2_RC_SUCCESS || handles != 1) {
    timeout_ = TSS2_TCTI_TIMEOUT_BLOCK;
    return Esys_SetTimeout(esys_, timeout_);
  }
  timeout_ = kRestOfAnswerMs;
  Esys_SetTimeout(esys_, timeout_);
  std::array<pollfd, 2> events = {pollfd{handle.fd, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
  const auto end = std::chrono::steady_clock::now() + kSilence;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return TSS2_TCTI_RC_NO_CONNECTION;
    if (poll(events.data(), events.size(), static_cast<int>(left.count())) <= 0) continue;
    // An answer, or the end of the connection, which Finish reports.
    if (events[0].revents != 0) return TSS2_RC_SUCCESS;
    if (events[1].revents == 0) continue;
    return poll(events.data(), 1, kLastAnswerMs) > 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NO_CONNECTION;
  }
}

}  // namespace ddskey::tpm
