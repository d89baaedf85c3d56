#ifndef TEST_INTEROP_MATRIX_H_
#define TEST_INTEROP_MATRIX_H_

#include <string>
#include <vector>

#include "test/interop/secured_domain.h"
#include "test/support/pki.h"

namespace ddskey::interop {

// Meeting is a cell of the interoperability matrix: two applications that meet, and what comes of it.
struct Meeting {
  Stack initiator;
  Stack replier;
  test::TestKeyType keys;
  // What Hold must return.
  std::string outcome;
};

// Meetings lists the whole matrix.
std::vector<Meeting> Meetings();

// kBothWays is the outcome of a meeting in which both heard the other's greetings.
inline constexpr char kBothWays[] = "data both ways";

// NameOf is how tables call a kind of key.
std::string NameOf(test::TestKeyType keys);

// Hold lets the two meet and returns kBothWays, or "no: " and the sentence in their logs that says why not, or
// "no data" if nothing is heard for a minute. `seconds`, unless null, is how long it took from their start.
std::string Hold(const Meeting& meeting, double* seconds = nullptr);

// Table writes the matrix in Markdown, with `outcomes` in the order of Meetings.
std::string Table(const std::vector<std::string>& outcomes);

}  // namespace ddskey::interop

#endif  // TEST_INTEROP_MATRIX_H_
