#ifndef CLIENT_DOCTOR_FINDING_H_
#define CLIENT_DOCTOR_FINDING_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ddskey::doctor {

// Level says whether somebody has to do something.
enum class Level { kOk, kWarning, kProblem };

// NameOf is "ok", "warning" or "problem".
std::string_view NameOf(Level level);

// Finding is one thing that was looked at.
struct Finding {
  Level level = Level::kOk;
  // What was looked at, for example "policy.mode"; stays the same from version to version.
  std::string check;
  // What was found, without a full stop. It may hold text from elsewhere: escape it where it is shown.
  std::string text;
  // A command line that mends it, or what else to do.
  std::string fix;
};

// Findings gathers what the checks find, in their order.
class Findings {
 public:
  void Ok(std::string_view check, std::string text);
  void Warn(std::string_view check, std::string text, std::string fix);
  void Problem(std::string_view check, std::string text, std::string fix);

  const std::vector<Finding>& all() const { return all_; }
  // Count returns how many there are of a level.
  size_t Count(Level level) const;

 private:
  std::vector<Finding> all_;
};

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_FINDING_H_
