#include "daemon/service/signals.h"

#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

sigset_t WaitedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

absl::Status BlockSignals() {
  const sigset_t signals = WaitedSignals();
  const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("blocking signals: ", std::strerror(error)));
}

absl::StatusOr<Signal> WaitForSignal() {
  const sigset_t signals = WaitedSignals();
  int signal = 0;
  const int error = sigwait(&signals, &signal);
  if (error != 0) return absl::InternalError(absl::StrCat("waiting for a signal: ", std::strerror(error)));
  return signal == SIGHUP ? Signal::kReload : Signal::kStop;
}

}  // namespace ddskey
