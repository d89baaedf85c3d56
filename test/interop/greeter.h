#ifndef TEST_INTEROP_GREETER_H_
#define TEST_INTEROP_GREETER_H_

#include <functional>
#include <memory>
#include <string>

namespace ddskey::interop {

// Greeter is one participant of a DDS domain that writes greetings to the topic "Greeting" and reads those of others.
// There is an implementation for each DDS; what they print and when is common to them, in RunGreeter.
class Greeter {
 public:
  virtual ~Greeter() = default;

  // Greet writes greeting number `count`.
  virtual void Greet(unsigned count) = 0;
  // Listen takes what has arrived and calls `heard` with the sender of each greeting that is not our own.
  virtual void Listen(const std::function<void(const std::string& from)>& heard) = 0;
};

// RunGreeter makes participants with `make` (null: it could not), one after the other, and greets ten times a second.
// `arguments` are NAME and, optionally, LIVES: a participant then lives until it has heard a greeting, and the program
// ends after so many. Without it the one participant lives until SIGTERM. Prints "alive LIFE", and
// "heard COUNT from SENDER" for each greeting. Returns the exit status.
int RunGreeter(int argc, char** argv, const std::function<std::unique_ptr<Greeter>(const std::string& name)>& make);

}  // namespace ddskey::interop

#endif  // TEST_INTEROP_GREETER_H_
