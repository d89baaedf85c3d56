#ifndef DAEMON_CUSTODIAN_FILE_LISTS_H_
#define DAEMON_CUSTODIAN_FILE_LISTS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/revocation_list.h"

namespace ddskey {

// ListFile is a file of revocation lists that the configuration names.
struct ListFile {
  std::string path;
  // Patterns of the names of the keys whose peers are held to it; every key if empty.
  std::vector<std::string> keys;
};

// ListsInForce are the lists of all files at one moment. Immutable; the parsed lists are shared by all identities.
class ListsInForce {
 public:
  // Add adds what a file holds.
  void Add(ListFile file, std::vector<RevocationList> lists);

  // For returns the lists that the peers of the key `name` are held to, whose identity CAs are `anchors`: `own`, which
  // are of its store, and those of files, of each issuer the newer. Lists that bear the name of one of the anchors and
  // are not signed by it are of another CA, and left out.
  std::vector<RevocationList> For(const std::string& name, const std::vector<Certificate>& anchors,
                                  const std::vector<RevocationList>& own) const;

  bool empty() const { return files_.empty(); }

 private:
  struct File {
    ListFile file;
    std::vector<RevocationList> lists;
  };
  std::vector<File> files_;
};

// FileLists decides which of the lists that are found in files are used, and remembers them in the keystore. Of each
// issuer of a file the last good list stays in force, whatever becomes of the file, until a newer one is found in it or
// the file is taken out of the configuration; also over a restart. Thread-safe.
class FileLists {
 public:
  // State is what an administrator sees of a file.
  struct State {
    ListFile file;
    // In force.
    std::vector<RevocationList> lists;
    // Why the file, as it is now, or a list in it is not used; empty if all is.
    std::string problem;
  };

  // Outcome is what came of the content of a file.
  struct Outcome {
    // Something else is in force now.
    bool changed = false;
    // As State::problem.
    std::string problem;
    // When the same content is worth another look, because a list in it is not valid yet.
    absl::Time again = absl::InfiniteFuture();
  };

  // Open puts in force what was saved of `files`, and forgets what was saved of other files. `keys` must outlive this.
  static absl::StatusOr<std::unique_ptr<FileLists>> Open(std::vector<ListFile> files, KeyStore& keys,
                                                         std::function<absl::Time()> clock);

  size_t size() const { return states_.size(); }

  // Take decides about `content`, which was read from the file `index`, or what hindered it from being read. Not used
  // are documents that are malformed, lists that the last good one supersedes (S-8), that begin in the future, or whose
  // signature does not verify with the identity CA of that name. Only one thread may take.
  Outcome Take(size_t index, const absl::StatusOr<std::string>& content);

  // in_force is never null.
  std::shared_ptr<const ListsInForce> in_force() const;

  std::vector<State> states() const;

 private:
  FileLists(KeyStore& keys, std::function<absl::Time()> clock) : keys_(keys), clock_(std::move(clock)) {}

  std::vector<Certificate> AuthoritiesFor(const ListFile& file) const;
  absl::Status Check(const RevocationList& list, const std::vector<RevocationList>& accepted,
                     const std::vector<Certificate>& authorities) const;
  void Publish(size_t index, std::vector<RevocationList> lists, std::string problem);

  KeyStore& keys_;
  const std::function<absl::Time()> clock_;
  mutable std::mutex mutex_;
  std::vector<State> states_;
  std::shared_ptr<const ListsInForce> in_force_ = std::make_shared<ListsInForce>();
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_FILE_LISTS_H_
