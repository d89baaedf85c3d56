#include "daemon/fill_backend.h"

#include <chrono>
#include <string>

#include "daemon/backend/key_backend.h"
#include "daemon/backend/work_counts.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/auth_kind.h"

namespace ddskey {
namespace {

double Seconds(std::chrono::steady_clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

void FillDurations(const DurationCounts& durations, v1::Durations& out) {
  out.set_count(durations.count);
  out.set_sum(Seconds(durations.sum));
  for (size_t i = 0; i < DurationCounts::kEnds.size(); ++i) {
    out.add_bounds(Seconds(DurationCounts::kEnds[i]));
    out.add_counts(durations.counts[i]);
  }
}

void FillWork(const WorkCounts& work, v1::BackendStatus& out) {
  FillDurations(work.signing, *out.mutable_signing());
  FillDurations(work.waiting, *out.mutable_waiting());
  out.set_running(static_cast<uint32_t>(work.running));
  out.set_rejected(work.rejected);
  out.set_expired(work.expired);
  out.set_busy_seconds(Seconds(work.busy));
}

}  // namespace

void FillBackend(const BackendSet::Entry& entry, v1::BackendStatus& out) {
  const BackendHealth health = entry.backend->Health();
  out.set_name(entry.name);
  out.set_kind(entry.backend->kind());
  out.set_healthy(health.healthy);
  out.set_problem(health.problem);
  out.set_protection(entry.backend->protection());
  out.set_device(health.device);
  out.set_queue_length(static_cast<uint32_t>(health.queue_length));
  out.set_queue_limit(static_cast<uint32_t>(health.queue_limit));
  out.set_signatures(health.signatures);
  out.set_outages(health.outages);
  for (const AuthKind kind : health.waits_for) out.add_waits_for(std::string(AuthKindName(kind)));
  out.set_warning(health.warning);
  for (const KeyAlgorithm algorithm : entry.backend->algorithms()) {
    out.add_algorithms(std::string(AlgorithmName(algorithm)));
  }
  FillWork(health.work, out);
}

}  // namespace ddskey
