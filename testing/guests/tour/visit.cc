#include "testing/guests/tour/visit.h"

#include "testing/guests/lib/report.h"

namespace hvkit::guest {
namespace {

constexpr size_t kNameColumn = 28;
constexpr size_t kWhatColumn = 36;

size_t Length(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

void Pad(Text& line, size_t written, size_t column) {
  for (size_t i = written; i < column; ++i) line.Append(" ");
}

// A decimal would say nothing about a large number.
Text& AppendNumber(Text& text, const Amount& amount) {
  constexpr uint64_t kLarge = 1000;  // 100
  if (amount.tenths >= kLarge) return text.AppendDecimal((amount.tenths + 5) / 10);
  text.AppendDecimal(amount.tenths / 10);
  if (amount.tenths % 10 != 0) text.Append(".").AppendDecimal(amount.tenths % 10);
  return text;
}

const char* UnitOf(const Amount& amount) { return amount.unit == nullptr ? "" : amount.unit; }

// In quotes. A vendor's name may have any bytes.
Text& AppendQuoted(Text& line, const char* text) {
  line.Append("\"");
  for (; *text != '\0'; ++text) {
    const bool plain = *text >= ' ' && *text <= '~';
    const char piece[] = {plain ? *text : '?', '\0'};
    if (*text == '"' || *text == '\\') line.Append("\\");
    line.Append(piece);
  }
  return line.Append("\"");
}

}  // namespace

Amount Ratio(Amount a, Amount b) {
  return {b.tenths == 0 ? 0 : (a.tenths * 10 + b.tenths / 2) / b.tenths, "times"};
}

Amount Percent(Amount part, Amount whole) {
  return {whole.tenths == 0 ? 0 : part.tenths * 1000 / whole.tenths, "%"};
}

Text& Append(Text& text, const Amount& amount) {
  return AppendNumber(text, amount).Append(" ").Append(UnitOf(amount));
}

void Visit::Measure(const char* what, Amount amount) {
  if (count_ < kRows) rows_[count_++] = {what, amount};
}

void Visit::Fail(const char* why) {
  if (failure_ == nullptr) failure_ = why;
}

void Journal::Open(Format format, unsigned processors) {
  format_ = format;
  processors_ = processors;
}

Visit& Journal::Begin(const char* name) {
  if (count_ == kVisits) Fatal(name, "the journal is full");
  Visit& visit = visits_[count_++];
  visit.name_ = name;
  return visit;
}

void Journal::Finish() {
  const Visit& visit = visits_[count_ - 1];
  if (visit.failure_ != nullptr) ++failures_;
  if (format_ != Format::kText) return;
  Text line;
  line.Append(visit.name_).Append(": ");
  if (visit.failure_ != nullptr) line.Append("FAILED: ").Append(visit.failure_).Append("; ");
  Print(line.Append(visit.did_.c_str()).c_str());
}

void Journal::Close() {
  if (format_ == Format::kText) {
    PrintTable();
  } else {
    PrintJson();
  }
}

void Journal::PrintTable() const {
  Text heading;
  heading.Append("\nENLIGHTENMENT");
  Pad(heading, Length("ENLIGHTENMENT"), kNameColumn);
  heading.Append("MEASURED");
  Pad(heading, Length("MEASURED"), kWhatColumn);
  Print(heading.Append("VALUE").c_str());
  for (size_t i = 0; i < count_; ++i) {
    const Visit& visit = visits_[i];
    for (size_t row = 0; row < visit.count_; ++row) {
      const char* const name = row == 0 ? visit.name_ : "";
      Text line;
      Pad(line.Append(name), Length(name), kNameColumn);
      Pad(line.Append(visit.rows_[row].what), Length(visit.rows_[row].what), kWhatColumn);
      Print(Append(line, visit.rows_[row].amount).c_str());
    }
  }
  Text end;
  end.Append("\ntour: ").AppendDecimal(count_).Append(" enlightenments visited on ");
  end.AppendDecimal(processors_).Append(processors_ == 1 ? " processor, " : " processors, ");
  Print(end.AppendDecimal(failures_).Append(" failed").c_str());
}

void Journal::PrintJson(const Visit& visit, bool is_last) {
  Text line;
  AppendQuoted(line.Append("  {\"name\": "), visit.name_);
  Print(line.Append(visit.failure_ == nullptr ? ", \"ok\": true," : ", \"ok\": false,").c_str());
  if (visit.failure_ != nullptr) {
    Text failure;
    AppendQuoted(failure.Append("   \"failure\": "), visit.failure_);
    Print(failure.Append(",").c_str());
  }
  Text did;
  Print(AppendQuoted(did.Append("   \"did\": "), visit.did_.c_str()).Append(",").c_str());
  Print("   \"measured\": [");
  for (size_t row = 0; row < visit.count_; ++row) {
    const Visit::Row& measured = visit.rows_[row];
    Text entry;
    AppendQuoted(entry.Append("    {\"what\": "), measured.what).Append(", \"value\": ");
    AppendNumber(entry, measured.amount).Append(", \"unit\": ");
    AppendQuoted(entry, UnitOf(measured.amount));
    Print(entry.Append(row + 1 < visit.count_ ? "}," : "}").c_str());
  }
  Print(is_last ? "   ]}" : "   ]},");
}

void Journal::PrintJson() const {
  Print(Text().Append("{\"processors\": ").AppendDecimal(processors_).Append(",").c_str());
  Print(Text().Append(" \"failed\": ").AppendDecimal(failures_).Append(",").c_str());
  Print(" \"tour\": [");
  for (size_t i = 0; i < count_; ++i) PrintJson(visits_[i], i + 1 == count_);
  Print(" ]}");
}

}  // namespace hvkit::guest
