// Lists the keys with which this process may sign digests. Build it with
//   g++ -std=c++20 list_keys.cc $(pkg-config --cflags --libs ddskey) -o list_keys

#include <chrono>
#include <cstdio>

#include "client/signing_client.h"
#include "client/socket_path.h"

int main() {
  ddskey::SigningClient client(ddskey::ServiceSocketPath());
  const auto keys =
      client.ListSigningKeys(ddskey::CallClock::now() + std::chrono::seconds(5), /*wait_for_daemon=*/false);
  if (!keys.status.ok()) {
    std::fprintf(stderr, "%s\n", keys.status.message.c_str());
    return 1;
  }
  for (const auto& key : keys.value.keys()) std::printf("%s\n", key.name().c_str());
  return 0;
}
