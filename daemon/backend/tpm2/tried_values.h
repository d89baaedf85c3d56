#ifndef DAEMON_BACKEND_TPM2_TRIED_VALUES_H_
#define DAEMON_BACKEND_TPM2_TRIED_VALUES_H_

#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace ddskey::tpm {

// TriedValues remembers what the TPM has said of authorisation values, by whatever tells them apart: the Name of a
// parent, the blob of a key. One that it accepted is right, whatever a later refusal is due to, and one that is wrong
// is not tried again while the daemon runs (S-12). Bounded: what is forgotten is tried as if for the first time. For
// one thread.
class TriedValues {
 public:
  void Accept(std::string_view value) { Add(accepted_, value); }
  void Refuse(std::string_view value) { Add(wrong_, value); }

  bool IsAccepted(std::string_view value) const { return accepted_.contains(value); }
  bool IsWrong(std::string_view value) const { return wrong_.contains(value); }

 private:
  using Values = std::set<std::string, std::less<>>;

  static void Add(Values& values, std::string_view value);

  Values accepted_;
  Values wrong_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TRIED_VALUES_H_
