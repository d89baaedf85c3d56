#ifndef PLUGIN_SHIM_CORE_PEER_LEDGER_H_
#define PLUGIN_SHIM_CORE_PEER_LEDGER_H_

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/unix_socket.h"
#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/core/local_identity.h"

namespace ddskey {

// PeerLedger keeps who was found good by which revision, and until when that holds: the local participants of a plugin
// instance and the peers that have authenticated with them. It says about whom the daemon must be asked, and what
// follows from its answers. Calls nobody; thread-compatible.
class PeerLedger {
 public:
  using Time = CallClock::time_point;

  // Question is what to ask CheckPeers: about one participant and some of its peers.
  struct Question {
    int64_t local = 0;
    std::shared_ptr<LocalIdentity> identity;
    std::vector<int64_t> remotes;
    // One for each of `remotes`.
    std::vector<std::string> tickets;
    uint64_t round = 0;
  };

  // Outcome is what follows from an answer.
  struct Outcome {
    // Handles of identities that the host must drop, each with a sentence for its log. They are forgotten already.
    std::vector<std::pair<int64_t, std::string>> dropped;
    // Other sentences for the log.
    std::vector<std::string> warnings;
  };

  // The most peers of a question, and the most octets of their tickets.
  static constexpr size_t kMostPeers = 64;
  static constexpr size_t kMostOctets = size_t{192} * 1024;
  // Before the daemon is asked again about what it could not tell.
  static constexpr std::chrono::milliseconds kPause{500};

  // AddLocal and AddPeer take in who was found good; a peer known before is replaced. AddPeer returns whether that was
  // by another revision than the ledger's, so that a change may have been missed.
  void AddLocal(int64_t local, std::shared_ptr<LocalIdentity> identity);
  bool AddPeer(int64_t local, int64_t remote, const v1::HandshakeResult& result, Time now);
  // Remove forgets what has to do with the handle of a local or remote identity.
  void Remove(int64_t identity);
  bool empty() const { return locals_.empty(); }

  // revision is the one that Watch told last, 0 before; set_revision makes all questions due that were answered by
  // another.
  uint64_t revision() const { return revision_; }
  void set_revision(uint64_t revision);

  // Due returns a question that must be asked at `now`, or nothing. Nothing is due before a revision is known.
  std::optional<Question> Due(Time now) const;
  // NextDue is when one will be due by the dates of certificates and revocation lists.
  Time NextDue() const;

  // Take notes an answer to a question that was asked at `asked`.
  Outcome Take(const Question& question, const v1::CheckPeersResponse& answer, Time asked);
  // Refuse drops the participant of a question, whom the daemon has refused altogether.
  Outcome Refuse(const Question& question, const std::string& why);
  // Postpone puts a question off that was not answered.
  void Postpone(const Question& question, Time until);

  // EndWarnings are sentences about certificates of participants that end within 30, 7 and 1 days of `now`, seconds
  // since 1970; each is given out once.
  std::vector<std::string> EndWarnings(std::time_t now);

 private:
  // Standing is how an identity was judged.
  struct Standing {
    uint64_t revision = 0;
    // In which it was judged; due if that is not the current one.
    uint64_t round = 0;
    Time good_until = Time::max();
    // Not asked about before.
    Time after = Time();
  };
  struct Local {
    std::shared_ptr<LocalIdentity> identity;
    Standing standing;
    std::time_t not_after = 0;
    int warned_days = 0;
  };
  struct Peer {
    std::string ticket;
    // The daemon cannot open its ticket any more.
    bool lost = false;
    Standing standing;
  };
  using Pair = std::pair<int64_t, int64_t>;

  bool IsDue(const Standing& standing, Time now) const;
  bool AddDuePeers(int64_t local, Time now, Question& question) const;
  void TakeVerdict(const Pair& pair, const std::string& ticket, const v1::PeerVerdict& verdict,
                   const Standing& standing, Time asked, Outcome& outcome);

  uint64_t revision_ = 0;
  uint64_t round_ = 1;
  std::map<int64_t, Local> locals_;
  // By the handles of participant and peer.
  std::map<Pair, Peer> peers_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_PEER_LEDGER_H_
