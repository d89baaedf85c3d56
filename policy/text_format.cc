#include "policy/text_format.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <memory>
#include <utility>
#include <vector>

namespace ddskey {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::ErrorCollector;
using google::protobuf::io::Tokenizer;
using Use = std::function<void(TextPosition, const Message&)>;
using Complain = std::function<bool(TextPosition, const std::string&)>;

// Deeper than any message of ours; the parser recurses.
constexpr int kDeepest = 16;

// FirstError keeps one error: what follows it in the same statement is most often its consequence.
class FirstError : public ErrorCollector {
 public:
  // The text that is parsed begins at `origin` of the document.
  explicit FirstError(TextPosition origin) : origin_(origin) {}

  void AddError(int line, int column, const std::string& message) override {
    if (!message_.empty()) return;
    position_ = Place(origin_, line, column);
    message_ = message;
  }
  const std::string& message() const { return message_; }
  TextPosition position() const { return position_; }

  // Place is where line and column, which count from 0 at `origin`, are in the document.
  static TextPosition Place(TextPosition origin, int line, int column) {
    return line == 0 ? TextPosition{origin.line, origin.column + column} : TextPosition{origin.line + line, column + 1};
  }

 private:
  TextPosition origin_;
  TextPosition position_;
  std::string message_;
};

struct Token {
  std::string text;
  Tokenizer::TokenType type;
  size_t begin = 0;
  TextPosition position;
};

// Statement is a field with its value: text[begin, end), to the next one. Of a field with `{` and `}`, the body is
// between them.
struct Statement {
  std::string field;
  size_t begin = 0;
  size_t end = 0;
  TextPosition position;
  TextPosition last_position;
  TextPosition end_position;
  bool has_body = false;
  size_t body_begin = 0;
  size_t body_end = 0;
  TextPosition body_position;
};

// OffsetFinder turns the lines and columns of a tokenizer, which come in order, into offsets.
class OffsetFinder {
 public:
  explicit OffsetFinder(std::string_view text) : text_(text) {}

  size_t Find(int line, int column) {
    while (offset_ < text_.size() && (line_ < line || column_ < column)) {
      const char c = text_[offset_++];
      if (c == '\n') {
        ++line_;
        column_ = 0;
      } else {
        // As the tokenizer counts.
        column_ += c == '\t' ? 8 - column_ % 8 : 1;
      }
    }
    return offset_;
  }

 private:
  const std::string_view text_;
  size_t offset_ = 0;
  int line_ = 0;
  int column_ = 0;
};

// ReadTokens splits `text`; the last token is its end.
std::vector<Token> ReadTokens(std::string_view text, TextPosition origin, FirstError& error) {
  ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  Tokenizer tokenizer(&stream, &error);
  // As the parser of text format sets it.
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_require_space_after_number(false);
  tokenizer.set_allow_multiline_strings(true);
  OffsetFinder offsets(text);
  std::vector<Token> tokens;
  bool more = true;
  while (more) {
    more = tokenizer.Next();
    const Tokenizer::Token& token = tokenizer.current();
    tokens.push_back({token.text, token.type, offsets.Find(token.line, token.column),
                      FirstError::Place(origin, token.line, token.column)});
  }
  tokens.back().begin = text.size();
  return tokens;
}

bool Opens(const Token& token) { return token.text == "{" || token.text == "<" || token.text == "["; }
bool Closes(const Token& token) { return token.text == "}" || token.text == ">" || token.text == "]"; }
bool Separates(const Token& token) { return token.text == ";" || token.text == ","; }

bool IsEnd(const Token& token) { return token.type == Tokenizer::TYPE_END; }

// SkipBalanced returns the index behind the bracket that closes the one at `i`, or that of the end.
size_t SkipBalanced(const std::vector<Token>& tokens, size_t i) {
  int depth = 0;
  for (; !IsEnd(tokens[i]); ++i) {
    if (Opens(tokens[i])) ++depth;
    if (Closes(tokens[i]) && --depth == 0) return i + 1;
  }
  return i;
}

// SkipScalar returns the index behind the scalar value at `i`.
size_t SkipScalar(const std::vector<Token>& tokens, size_t i) {
  if (tokens[i].text == "-") ++i;
  if (IsEnd(tokens[i]) || Closes(tokens[i]) || Separates(tokens[i])) return i;
  // Strings that follow each other are one value.
  const bool is_string = tokens[i].type == Tokenizer::TYPE_STRING;
  do {
    ++i;
  } while (is_string && tokens[i].type == Tokenizer::TYPE_STRING);
  return i;
}

// SkipValue returns the index behind the value of the field at `field`.
size_t SkipValue(const std::vector<Token>& tokens, size_t field) {
  const size_t value = field + 1;
  if (IsEnd(tokens[field]) || IsEnd(tokens[value])) return value;
  if (Opens(tokens[value])) return SkipBalanced(tokens, value);
  if (tokens[value].text == ":") {
    return Opens(tokens[value + 1]) ? SkipBalanced(tokens, value + 1) : SkipScalar(tokens, value + 1);
  }
  // A forgotten colon, unless the next field begins here.
  const bool same_line = tokens[value].position.line == tokens[field].position.line;
  const bool begins_field = tokens[value + 1].text == ":" || Opens(tokens[value + 1]);
  return same_line && !begins_field ? SkipScalar(tokens, value) : value;
}

std::vector<Statement> SplitStatements(const std::vector<Token>& tokens) {
  std::vector<Statement> statements;
  for (size_t i = 0; !IsEnd(tokens[i]);) {
    Statement statement;
    statement.field = tokens[i].text;
    statement.begin = tokens[i].begin;
    statement.position = tokens[i].position;
    size_t next = SkipValue(tokens, i);
    statement.last_position = tokens[next - 1].position;
    const Token& open = tokens[tokens[i + 1].text == ":" ? i + 2 : i + 1];
    if (open.text == "{" && tokens[next - 1].text == "}") {
      statement.has_body = true;
      statement.body_begin = open.begin + 1;
      statement.body_end = tokens[next - 1].begin;
      statement.body_position = {open.position.line, open.position.column + 1};
    }
    if (Separates(tokens[next])) ++next;
    statement.end = tokens[next].begin;
    statement.end_position = tokens[next].position;
    statements.push_back(std::move(statement));
    i = next;
  }
  return statements;
}

bool IsBefore(TextPosition a, TextPosition b) { return std::pair(a.line, a.column) < std::pair(b.line, b.column); }

bool ParseOne(std::string_view text, Message& message, FirstError& error) {
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(kDeepest);
  return parser.ParseFromString(std::string(text), &message);
}

bool ParseFrom(std::string_view text, TextPosition origin, const Message& prototype, const Use& use,
               const Complain& complain);

// ComplainAbout reports every mistake of a statement that has one: those of the fields in it if they have any. It
// returns whether to go on.
bool ComplainAbout(std::string_view text, const Statement& statement, const Message& prototype, const FirstError& error,
                   const Complain& complain) {
  bool told = false;
  const FieldDescriptor* const field = prototype.GetDescriptor()->FindFieldByName(statement.field);
  if (statement.has_body && field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const Message* const inner = prototype.GetReflection()->GetMessageFactory()->GetPrototype(field->message_type());
    const bool go_on = ParseFrom(
        text.substr(statement.body_begin, statement.body_end - statement.body_begin), statement.body_position, *inner,
        [](TextPosition, const Message&) {},
        [&](TextPosition position, const std::string& message) {
          told = true;
          return complain(position, message);
        });
    if (!go_on) return false;
  }
  if (told) return true;
  // The parser looks at the token behind a value before it judges the value.
  return complain(IsBefore(error.position(), statement.end_position) ? error.position() : statement.last_position,
                  error.message());
}

bool ParseFrom(std::string_view text, TextPosition origin, const Message& prototype, const Use& use,
               const Complain& complain) {
  FirstError token_error(origin);
  const std::vector<Token> tokens = ReadTokens(text, origin, token_error);
  // What is no token stands in a statement, where it is found again, or before the first.
  if (!token_error.message().empty() && IsBefore(token_error.position(), tokens.front().position) &&
      !complain(token_error.position(), token_error.message())) {
    return false;
  }
  for (const Statement& statement : SplitStatements(tokens)) {
    const std::unique_ptr<Message> message(prototype.New());
    FirstError error(statement.position);
    if (ParseOne(text.substr(statement.begin, statement.end - statement.begin), *message, error)) {
      use(statement.position, *message);
    } else if (!ComplainAbout(text, statement, prototype, error, complain)) {
      return false;
    }
  }
  return true;
}

}  // namespace

void ParseStatements(std::string_view text, const Message& prototype, const Use& use, const Complain& complain) {
  ParseFrom(text, TextPosition(), prototype, use, complain);
}

}  // namespace ddskey
