// What the tour says of each enlightenment: a line as it is visited and a table at the end, or one
// JSON document. For one processor.
#ifndef HVKIT_TESTING_GUESTS_TOUR_VISIT_H_
#define HVKIT_TESTING_GUESTS_TOUR_VISIT_H_

#include <cstddef>
#include <cstdint>

#include "testing/guests/lib/text.h"

namespace hvkit::guest {

// A number with one decimal, and what it counts.
struct Amount {
  uint64_t tenths = 0;
  const char* unit = nullptr;
};
[[nodiscard]] constexpr Amount Whole(uint64_t value, const char* unit) {
  return {value * 10, unit};
}
// How many times `a` is `b`; nothing if `b` is 0.
[[nodiscard]] Amount Ratio(Amount a, Amount b);
// How much of `whole` `part` is.
[[nodiscard]] Amount Percent(Amount part, Amount whole);
Text& Append(Text& text, const Amount& amount);

// One enlightenment.
class Visit {
 public:
  // What was done and seen: a clause, below 200 characters.
  [[nodiscard]] Text& did() { return did_; }
  // A row of the table; `what` is a literal. What does not fit is dropped.
  void Measure(const char* what, Amount amount);
  // It did not do what it has to, which makes the tour fail; `why` is a literal.
  void Fail(const char* why);

 private:
  friend class Journal;
  struct Row {
    const char* what;
    Amount amount;
  };
  static constexpr size_t kRows = 4;

  const char* name_ = nullptr;
  const char* failure_ = nullptr;
  Text did_;
  Row rows_[kRows] = {};
  size_t count_ = 0;
};

// All visits, in order.
class Journal {
 public:
  enum class Format : uint8_t { kText, kJson };

  void Open(Format format, unsigned processors);
  // `name` is a literal.
  [[nodiscard]] Visit& Begin(const char* name);
  // Says what there is to say of the visit that was begun last.
  void Finish();
  // The table, or the rest of the document.
  void Close();
  [[nodiscard]] size_t failures() const { return failures_; }

 private:
  static constexpr size_t kVisits = 48;

  void PrintTable() const;
  void PrintJson() const;
  static void PrintJson(const Visit& visit, bool is_last);

  Format format_ = Format::kText;
  unsigned processors_ = 0;
  Visit visits_[kVisits];
  size_t count_ = 0;
  size_t failures_ = 0;
};

}  // namespace hvkit::guest

#endif  // HVKIT_TESTING_GUESTS_TOUR_VISIT_H_
