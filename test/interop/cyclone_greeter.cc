// A DDS application on Cyclone DDS such as anybody could write, configured by CYCLONEDDS_URI. GREETER_SECURITY may have
// properties of the participant, NAME=VALUE, separated by newlines; GREETER_TOPIC another name of the topic.
#include <dds/dds.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>

#include "greeting.h"
#include "test/interop/greeter.h"

namespace ddskey::interop {
namespace {

using Topic = ddskey_interop_Greeting;

dds_entity_t OrEnd(dds_return_t result, const char* what) {
  if (result >= 0) return result;
  std::fprintf(stderr, "cyclone_greeter: %s: %s\n", what, dds_strretcode(result));
  std::exit(EXIT_FAILURE);
}

// ParticipantQos has the properties of GREETER_SECURITY.
dds_qos_t* ParticipantQos() {
  dds_qos_t* const qos = dds_create_qos();
  const char* const text = std::getenv("GREETER_SECURITY");
  std::istringstream properties(text == nullptr ? "" : text);
  for (std::string property; std::getline(properties, property);) {
    const size_t split = property.find('=');
    if (split == std::string::npos) continue;
    dds_qset_prop(qos, property.substr(0, split).c_str(), property.substr(split + 1).c_str());
  }
  return qos;
}

dds_entity_t MakeParticipant() {
  dds_qos_t* const qos = ParticipantQos();
  const dds_entity_t participant = dds_create_participant(DDS_DOMAIN_DEFAULT, qos, nullptr);
  dds_delete_qos(qos);
  return OrEnd(participant, "participant");
}

class CycloneGreeter final : public Greeter {
 public:
  explicit CycloneGreeter(const std::string& name) : name_(name), participant_(MakeParticipant()) {
    const char* const topic_name = std::getenv("GREETER_TOPIC");
    const dds_entity_t topic =
        OrEnd(dds_create_topic(participant_, &ddskey_interop_Greeting_desc,
                               topic_name == nullptr ? "Greeting" : topic_name, nullptr, nullptr),
              "topic");
    dds_qos_t* const qos = dds_create_qos();
    dds_qset_reliability(qos, DDS_RELIABILITY_RELIABLE, DDS_SECS(1));
    dds_qset_ignorelocal(qos, DDS_IGNORELOCAL_PARTICIPANT);
    writer_ = OrEnd(dds_create_writer(participant_, topic, qos, nullptr), "writer");
    reader_ = OrEnd(dds_create_reader(participant_, topic, qos, nullptr), "reader");
    dds_delete_qos(qos);
  }
  ~CycloneGreeter() override { dds_delete(participant_); }

  void Greet(unsigned count) override {
    Topic greeting = {count, name_.data()};
    // A reader that stopped may hold up a reliable writer until it is given up: not a reason to end.
    dds_write(writer_, &greeting);
  }

  void Listen(const std::function<void(const std::string& from)>& heard) override {
    void* sample = nullptr;
    dds_sample_info_t info = {};
    while (true) {
      const dds_return_t taken = dds_take(reader_, &sample, &info, 1, 1);
      if (taken <= 0) return;
      if (info.valid_data) heard(static_cast<const Topic*>(sample)->from);
      dds_return_loan(reader_, &sample, taken);
      sample = nullptr;
    }
  }

 private:
  std::string name_;
  const dds_entity_t participant_;
  dds_entity_t writer_ = 0;
  dds_entity_t reader_ = 0;
};

}  // namespace
}  // namespace ddskey::interop

int main(int argc, char** argv) {
  return ddskey::interop::RunGreeter(
      argc, argv, [](const std::string& name) { return std::make_unique<ddskey::interop::CycloneGreeter>(name); });
}
