#ifndef TEST_FAKES_FAKE_TOKEN_H_
#define TEST_FAKES_FAKE_TOKEN_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/token.h"

namespace ddskey::test {

// FakeHsm is a device with keys made by OpenSSL, of which FakeTokens are the connections. Tests set what it does; with
// `mutex` while a token is in use.
struct FakeHsm {
  struct Key {
    EvpKey key;
    pkcs11::TokenKey told;
  };

  std::mutex mutex;
  const std::unique_ptr<CryptoLibrary> library = *CryptoLibrary::Create();
  pkcs11::TokenState state = {"label", "Maker", "Model", "42", "1.0", {kAllAlgorithms.begin(), kAllAlgorithms.end()},
                              4,       ""};
  std::map<std::string, Key> keys;
  // Empty for a token that needs none.
  std::string pin = "1234";
  // Whether one try of the PIN is left, which is not used.
  bool has_one_try = false;
  // Every PIN that it compared, and how often it was opened or looked at.
  std::vector<std::string> tried;
  int opens = 0;
  // Not OK for a token that is away, or says this to a call.
  absl::Status away;
  absl::Status next_call;
  // How many calls are still to be lost, as when the module crashes at each.
  int losses = 0;
  // Whether the keys that it makes can be read from it.
  bool makes_readable = false;
  // How many signatures are still to be wrong.
  int wrong = 0;
  // Calls stay without an answer while this is set; how many there are at once, and the most there were.
  bool holds = false;
  int under_way = 0;
  int most_under_way = 0;
  int signs = 0;
};

// FakeToken is a Token that answers on a thread of its own, and keeps no deadlines.
class FakeToken : public pkcs11::Token {
 public:
  explicit FakeToken(std::shared_ptr<FakeHsm> hsm);
  ~FakeToken() override;

  void Open(std::shared_ptr<const SecretBytes> pin, Time deadline, Done<pkcs11::TokenState> done) override;
  void Create(KeyAlgorithm algorithm, std::string id, std::string label, Time deadline,
              Done<pkcs11::TokenKey> done) override;
  void Find(std::string label, Time deadline, Done<pkcs11::TokenKey> done) override;
  void Sign(std::string id, SignatureScheme scheme, std::string digest, Time deadline, Done<Signature> done) override;
  void Destroy(std::string id, Time deadline, std::function<void(const absl::Status&)> done) override;

 private:
  // A call does its work with the lock of the device, and returns what to do without it. With a status it only fails.
  using Call = std::function<std::function<void()>(const absl::Status&)>;

  void Submit(Call call, bool is_open);
  void Run();

  const std::shared_ptr<FakeHsm> hsm_;
  std::mutex mutex_;
  std::condition_variable changed_;
  struct Waiting {
    Call call;
    bool is_open;
  };
  std::deque<Waiting> calls_;
  bool stopped_ = false;
  bool open_ = false;
  std::thread thread_;
};

}  // namespace ddskey::test

#endif  // TEST_FAKES_FAKE_TOKEN_H_
