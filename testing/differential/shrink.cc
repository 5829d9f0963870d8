#include "testing/differential/shrink.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "testing/differential/program.h"

namespace hvkit::testing {
namespace {

// Barriers stay: without them VPs would disturb each other.
Program Without(const Program& program, size_t first, size_t count) {
  Program rest;
  for (size_t i = 0; i < program.size(); ++i) {
    const bool taken = i >= first && i - first < count;
    if (!taken || program[i].kind == StepKind::kBarrier) rest.push_back(program[i]);
  }
  return rest;
}

// A barrier that no step comes before does nothing.
Program WithoutIdleBarriers(const Program& program) {
  Program rest;
  for (const Step& step : program) {
    const bool after_step = !rest.empty() && rest.back().kind != StepKind::kBarrier;
    if (step.kind != StepKind::kBarrier || after_step) rest.push_back(step);
  }
  return rest;
}

std::vector<Program> Candidates(const Program& program, size_t chunk) {
  std::vector<Program> candidates;
  for (size_t first = 0; first < program.size(); first += chunk) {
    Program candidate = WithoutIdleBarriers(Without(program, first, chunk));
    if (candidate.size() < program.size()) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace

Program Shrink(Program program, const ShowsIt& shows_it) {
  size_t chunk = std::max<size_t>(program.size() / 2, 1);
  while (program.size() > 1) {
    std::vector<Program> candidates = Candidates(program, chunk);
    const std::vector<bool> shows = shows_it(candidates);
    const auto found = std::ranges::find(shows, true);
    if (found != shows.end()) {
      program = std::move(candidates[static_cast<size_t>(std::distance(shows.begin(), found))]);
    } else if (chunk == 1) {
      break;
    } else {
      chunk = (chunk + 1) / 2;
    }
    chunk = std::min(chunk, std::max<size_t>(program.size() / 2, 1));
  }
  return program;
}

}  // namespace hvkit::testing
