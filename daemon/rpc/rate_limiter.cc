#include "daemon/rpc/rate_limiter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {

RateLimiter::RateLimiter(std::string what, const Bounds& bounds, std::function<Clock::time_point()> now)
    : what_(std::move(what)), bounds_(bounds), now_(std::move(now)) {}

absl::Status RateLimiter::Take(const Subject& subject) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = now_();
  return BucketOf(subject, now).tokens.Take(now) ? absl::OkStatus() : Refuse("this process");
}

absl::Status RateLimiter::TakeFor(const Subject& subject, std::string_view peer) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = now_();
  Bucket& bucket = BucketOf(subject, now);
  if (!ShareOf(bucket, peer, now).Take(now)) return Refuse("this process with one peer, which has a quarter");
  return bucket.tokens.Take(now) ? absl::OkStatus() : Refuse("this process");
}

absl::Status RateLimiter::Refuse(const char* whose) const {
  return absl::ResourceExhaustedError(absl::StrCat("too many ", what_, " of ", whose, "; the limit is ",
                                                   bounds_.per_second, " a second, in bursts of ", bounds_.burst));
}

TokenBucket& RateLimiter::ShareOf(Bucket& bucket, std::string_view peer, Clock::time_point now) const {
  auto& peers = bucket.peers;
  const auto known = std::ranges::find(peers, peer, &std::pair<std::string, TokenBucket>::first);
  if (known != peers.end()) {
    peers.splice(peers.begin(), peers, known);
    return peers.front().second;
  }
  if (peers.size() >= kPeers) peers.pop_back();
  const double burst = std::max(1.0, bounds_.burst * kShareOfAPeer);
  return peers.emplace_front(peer, TokenBucket(bounds_.per_second * kShareOfAPeer, burst, now)).second;
}

size_t RateLimiter::bucket_count() const {
  const std::lock_guard lock(mutex_);
  return index_.size();
}

RateLimiter::Bucket& RateLimiter::BucketOf(const Subject& subject, Clock::time_point now) {
  const ProcessId process = {subject.pid, subject.start_time};
  const auto known = index_.find(process);
  if (known != index_.end() && known->second->uid != subject.uid) {
    // The process has changed its user and connected again; it takes its bucket along.
    uids_[subject.uid].splice(uids_[subject.uid].begin(), uids_[known->second->uid], known->second);
    if (Buckets& left = uids_[known->second->uid]; left.empty()) uids_.erase(known->second->uid);
    known->second->uid = subject.uid;
    return *known->second;
  }
  if (known == index_.end()) {
    MakeRoom(subject.uid);
    Buckets& buckets = uids_[subject.uid];
    buckets.push_front({subject.uid, process, TokenBucket(bounds_.per_second, bounds_.burst, now)});
    index_[process] = buckets.begin();
    return buckets.front();
  }
  Buckets& buckets = uids_[subject.uid];
  buckets.splice(buckets.begin(), buckets, known->second);
  return buckets.front();
}

void RateLimiter::MakeRoom(uid_t uid) {
  auto crowd = uids_.find(uid);
  const bool uid_is_full = crowd != uids_.end() && crowd->second.size() >= bounds_.buckets_per_uid;
  if (!uid_is_full) {
    if (index_.size() < bounds_.buckets) return;
    crowd = std::max_element(uids_.begin(), uids_.end(),
                             [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  }
  index_.erase(crowd->second.back().process);
  crowd->second.pop_back();
  if (crowd->second.empty()) uids_.erase(crowd);
}

}  // namespace ddskey
