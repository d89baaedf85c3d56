// A DDS application on Fast DDS such as anybody could write, with its builtin security plugins and a private key in a
// file. Its participant speaks on loopback only. The environment says what is secured how: GREETER_DOMAIN, and in
// GREETER_SECURITY security properties NAME=VALUE, separated by newlines; GREETER_TOPIC another name of the topic.
#include <fastcdr/Cdr.h>
#include <fastcdr/FastBuffer.h>
#include <fastdds/rtps/transport/UDPv4TransportDescriptor.h>
#include <fastrtps/utils/IPLocator.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/log/Log.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <fastdds/dds/topic/TypeSupport.hpp>
#include <memory>
#include <sstream>
#include <string>

#include "test/interop/greeter.h"

namespace ddskey::interop {
namespace {

namespace dds = eprosima::fastdds::dds;
namespace rtps = eprosima::fastrtps::rtps;
using eprosima::fastrtps::types::ReturnCode_t;

struct Greeting {
  uint32_t count = 0;
  std::string from;
};

// GreetingType is what a generator makes of greeting.idl, by hand.
class GreetingType final : public dds::TopicDataType {
 public:
  GreetingType() {
    setName("ddskey::interop::Greeting");
    m_typeSize = kMostOctets;
    m_isGetKeyDefined = false;
  }

  bool serialize(void* data, rtps::SerializedPayload_t* payload) override {
    const auto& greeting = *static_cast<const Greeting*>(data);
    eprosima::fastcdr::FastBuffer buffer(reinterpret_cast<char*>(payload->data), payload->max_size);
    eprosima::fastcdr::Cdr cdr(buffer, eprosima::fastcdr::Cdr::DEFAULT_ENDIAN, eprosima::fastcdr::Cdr::DDS_CDR);
    payload->encapsulation = cdr.endianness() == eprosima::fastcdr::Cdr::BIG_ENDIANNESS ? CDR_BE : CDR_LE;
    try {
      cdr.serialize_encapsulation();
      cdr << greeting.count << greeting.from;
    } catch (const eprosima::fastcdr::exception::Exception&) {
      return false;
    }
    payload->length = static_cast<uint32_t>(cdr.getSerializedDataLength());
    return true;
  }

  bool deserialize(rtps::SerializedPayload_t* payload, void* data) override {
    auto& greeting = *static_cast<Greeting*>(data);
    eprosima::fastcdr::FastBuffer buffer(reinterpret_cast<char*>(payload->data), payload->length);
    eprosima::fastcdr::Cdr cdr(buffer, eprosima::fastcdr::Cdr::DEFAULT_ENDIAN, eprosima::fastcdr::Cdr::DDS_CDR);
    try {
      cdr.read_encapsulation();
      cdr >> greeting.count >> greeting.from;
    } catch (const eprosima::fastcdr::exception::Exception&) {
      return false;
    }
    return true;
  }

  std::function<uint32_t()> getSerializedSizeProvider(void* /*data*/) override {
    return [] { return kMostOctets; };
  }
  void* createData() override { return new Greeting(); }
  void deleteData(void* data) override { delete static_cast<Greeting*>(data); }
  bool getKey(void* /*data*/, rtps::InstanceHandle_t* /*handle*/, bool /*force_md5*/) override { return false; }

 private:
  static constexpr uint32_t kMostOctets = 512;
};

std::string Environment(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? "" : value;
}

dds::DomainParticipantQos LoopbackQos() {
  dds::DomainParticipantQos qos;
  auto transport = std::make_shared<eprosima::fastdds::rtps::UDPv4TransportDescriptor>();
  transport->interfaceWhiteList.push_back("127.0.0.1");
  qos.transport().use_builtin_transports = false;
  qos.transport().user_transports.push_back(transport);
  rtps::Locator_t loopback;
  rtps::IPLocator::setIPv4(loopback, 127, 0, 0, 1);
  qos.wire_protocol().builtin.metatrafficUnicastLocatorList.push_back(loopback);
  qos.wire_protocol().builtin.initialPeersList.push_back(loopback);
  qos.wire_protocol().default_unicast_locator_list.push_back(loopback);
  // As Cyclone DDS has it.
  qos.wire_protocol().builtin.discovery_config.leaseDuration = {10, 0};
  std::istringstream properties(Environment("GREETER_SECURITY"));
  for (std::string property; std::getline(properties, property);) {
    const size_t split = property.find('=');
    if (split == std::string::npos) continue;
    qos.properties().properties().emplace_back(property.substr(0, split), property.substr(split + 1));
  }
  return qos;
}

class FastGreeter final : public Greeter {
 public:
  // Make returns null if there is no participant.
  static std::unique_ptr<FastGreeter> Make(const std::string& name) {
    const auto domain = static_cast<uint32_t>(std::atoi(Environment("GREETER_DOMAIN").c_str()));
    dds::DomainParticipant* const participant =
        dds::DomainParticipantFactory::get_instance()->create_participant(domain, LoopbackQos());
    if (participant == nullptr) {
      std::fputs("fast_greeter: participant: it could not be created\n", stderr);
      dds::Log::Flush();
      return nullptr;
    }
    return std::unique_ptr<FastGreeter>(new FastGreeter(name, participant));
  }

  ~FastGreeter() override {
    participant_->delete_contained_entities();
    dds::DomainParticipantFactory::get_instance()->delete_participant(participant_);
  }

  void Greet(unsigned count) override {
    Greeting greeting{count, name_};
    writer_->write(&greeting);
  }

  void Listen(const std::function<void(const std::string& from)>& heard) override {
    Greeting greeting;
    dds::SampleInfo info;
    while (reader_->take_next_sample(&greeting, &info) == ReturnCode_t::RETCODE_OK) {
      if (info.valid_data && greeting.from != name_) heard(greeting.from);
    }
  }

 private:
  FastGreeter(const std::string& name, dds::DomainParticipant* participant) : name_(name), participant_(participant) {
    dds::TypeSupport type(new GreetingType());
    type.register_type(participant_);
    const std::string topic_name = Environment("GREETER_TOPIC");
    dds::Topic* const topic = participant_->create_topic(topic_name.empty() ? "Greeting" : topic_name,
                                                         type.get_type_name(), dds::TOPIC_QOS_DEFAULT);
    dds::DataWriterQos writing;
    writing.reliability().kind = dds::RELIABLE_RELIABILITY_QOS;
    writing.durability().kind = dds::VOLATILE_DURABILITY_QOS;
    writer_ = participant_->create_publisher(dds::PUBLISHER_QOS_DEFAULT)->create_datawriter(topic, writing);
    dds::DataReaderQos reading;
    reading.reliability().kind = dds::RELIABLE_RELIABILITY_QOS;
    // Our own greetings come here too, and must not push out those of others.
    reading.history().kind = dds::KEEP_ALL_HISTORY_QOS;
    reader_ = participant_->create_subscriber(dds::SUBSCRIBER_QOS_DEFAULT)->create_datareader(topic, reading);
  }

  const std::string name_;
  dds::DomainParticipant* const participant_;
  dds::DataWriter* writer_ = nullptr;
  dds::DataReader* reader_ = nullptr;
};

}  // namespace
}  // namespace ddskey::interop

int main(int argc, char** argv) {
  eprosima::fastdds::dds::Log::SetVerbosity(eprosima::fastdds::dds::Log::Kind::Warning);
  return ddskey::interop::RunGreeter(argc, argv, &ddskey::interop::FastGreeter::Make);
}
