// A DDS application such as anybody could write: one participant with a writer and a reader of one topic, configured by
// CYCLONEDDS_URI alone. `dds_host COUNT` prints "matched NANOSECONDS" (CLOCK_MONOTONIC) once its writer and its reader
// have matched those of COUNT other participants, which secured endpoints do when both sides are authenticated and have
// each other's keys. Then it stays until it is killed, and prints "parted NANOSECONDS" when one of those is gone.
#include <dds/dds.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tick.h"

namespace {

dds_entity_t OrEnd(dds_return_t result, const char* what) {
  if (result >= 0) return result;
  std::fprintf(stderr, "dds_host: %s: %s\n", what, dds_strretcode(result));
  std::exit(EXIT_FAILURE);
}

int64_t Nanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

dds_entity_t WatchMatches(dds_entity_t participant, dds_entity_t writer, dds_entity_t reader) {
  const dds_entity_t waitset = OrEnd(dds_create_waitset(participant), "making a waitset");
  OrEnd(dds_set_status_mask(writer, DDS_PUBLICATION_MATCHED_STATUS), "choosing the writer's status");
  OrEnd(dds_set_status_mask(reader, DDS_SUBSCRIPTION_MATCHED_STATUS), "choosing the reader's status");
  OrEnd(dds_waitset_attach(waitset, writer, writer), "waiting for the writer");
  OrEnd(dds_waitset_attach(waitset, reader, reader), "waiting for the reader");
  return waitset;
}

// WaitForMatches returns when both have matched `count` others, or, if `parted`, when one has not any more.
void WaitForMatches(dds_entity_t waitset, dds_entity_t writer, dds_entity_t reader, uint32_t count, bool parted) {
  while (true) {
    dds_publication_matched_status_t written = {};
    dds_subscription_matched_status_t read = {};
    OrEnd(dds_get_publication_matched_status(writer, &written), "reading the writer's status");
    OrEnd(dds_get_subscription_matched_status(reader, &read), "reading the reader's status");
    const bool matched = written.current_count >= count && read.current_count >= count;
    if (matched != parted) return;
    OrEnd(dds_waitset_wait(waitset, nullptr, 0, DDS_INFINITY), "waiting");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<uint32_t>(argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0);
  if (count == 0) {
    std::fputs("usage: dds_host COUNT\n", stderr);
    return 2;
  }
  const dds_entity_t participant = OrEnd(dds_create_participant(DDS_DOMAIN_DEFAULT, nullptr, nullptr), "participant");
  const dds_entity_t topic =
      OrEnd(dds_create_topic(participant, &ddskey_bench_Tick_desc, "Tick", nullptr, nullptr), "topic");
  dds_qos_t* const qos = dds_create_qos();
  dds_qset_reliability(qos, DDS_RELIABILITY_RELIABLE, DDS_SECS(1));
  dds_qset_ignorelocal(qos, DDS_IGNORELOCAL_PARTICIPANT);
  const dds_entity_t writer = OrEnd(dds_create_writer(participant, topic, qos, nullptr), "writer");
  const dds_entity_t reader = OrEnd(dds_create_reader(participant, topic, qos, nullptr), "reader");
  dds_delete_qos(qos);
  const dds_entity_t waitset = WatchMatches(participant, writer, reader);
  WaitForMatches(waitset, writer, reader, count, false);
  std::printf("matched %lld\n", static_cast<long long>(Nanoseconds()));
  std::fflush(stdout);
  WaitForMatches(waitset, writer, reader, count, true);
  std::printf("parted %lld\n", static_cast<long long>(Nanoseconds()));
  std::fflush(stdout);
  while (true) pause();
}
