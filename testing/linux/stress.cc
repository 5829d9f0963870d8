#include "testing/linux/stress.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hvkit::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

constexpr size_t kPageSize = 4096;
constexpr size_t kPrivatePages = 8;
constexpr uint64_t kReadsInARow = 16;
constexpr milliseconds kTick{10};
// Threads leave room for one another: where one processor emulates many, spinning would starve
// some.
constexpr milliseconds kRest{1};
// Even there each thread gets further within that.
constexpr seconds kStandstill{60};
constexpr milliseconds kTooLate{10'000};

// A shared page that its writer maps anew again and again. The version is odd meanwhile; at other
// times it stands in the page.
struct Slot {
  std::atomic<uint64_t> version = 0;
  uint64_t* page = nullptr;

  std::atomic_ref<uint64_t> Word() const { return std::atomic_ref(*page); }
};

struct Counters {
  std::atomic<uint64_t> remaps = 0;
  std::atomic<uint64_t> reads = 0;
  std::atomic<uint64_t> migrations = 0;
  std::atomic<uint64_t> barriers = 0;
  std::atomic<uint64_t> handovers = 0;
  std::atomic<uint64_t> ticks = 0;
  std::atomic<int64_t> latest_ms = 0;
};

using Pipe = std::array<int, 2>;  // the end to read from, the end to write to

// What the threads share.
struct Shared {
  std::vector<int> cpus;
  std::vector<Slot> slots;
  std::vector<std::pair<Pipe, Pipe>> pipes;
  std::atomic<bool> stop = false;
  Counters counters;
  std::mutex mutex;
  std::string failure;  // guarded by mutex

  void Fail(const std::string& reason) {
    const std::lock_guard lock(mutex);
    if (failure.empty()) failure = reason;
    stop = true;
  }
};

struct Worker {
  std::string name;
  std::function<void(Shared&)> round;
  std::atomic<uint64_t> rounds = 0;
  std::atomic<bool> done = false;
  std::thread thread;
};

std::vector<int> UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void MoveTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

uint64_t* MapPages(void* where, size_t pages) {
  void* memory = mmap(where, pages * kPageSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | (where == nullptr ? 0 : MAP_FIXED), -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<uint64_t*>(memory);
}

volatile uint64_t& WordOf(uint64_t* memory, size_t page) {
  return memory[page * kPageSize / sizeof(uint64_t)];
}

void Remap(Shared& shared, Slot& slot) {
  const uint64_t version = slot.version.fetch_add(1) + 1;
  if (MapPages(slot.page, 1) == nullptr) return shared.Fail("out of memory");
  slot.Word().store(version + 1, std::memory_order_release);
  slot.version.store(version + 1);
  shared.counters.remaps.fetch_add(1, std::memory_order_relaxed);
  std::this_thread::sleep_for(kRest);
}

void ReadSlots(Shared& shared) {
  for (const Slot& slot : shared.slots) {
    const uint64_t before = slot.version.load();
    const uint64_t value = slot.Word().load(std::memory_order_acquire);
    if (before % 2 != 0 || slot.version.load() != before || value == before) continue;
    shared.Fail("a page that was mapped anew reads " + std::to_string(value) + " instead of " +
                std::to_string(before));
  }
  shared.counters.reads.fetch_add(shared.slots.size(), std::memory_order_relaxed);
}

void Migrate(Shared& shared, uint64_t step) {
  MoveTo(shared.cpus[step % shared.cpus.size()]);
  shared.counters.migrations.fetch_add(1, std::memory_order_relaxed);
}

// New pages are empty, and keep what is written while their user wanders.
void UsePrivatePages(Shared& shared, uint64_t stamp) {
  uint64_t* memory = MapPages(nullptr, kPrivatePages);
  if (memory == nullptr) return shared.Fail("out of memory");
  for (size_t page = 0; page < kPrivatePages; ++page) {
    if (WordOf(memory, page) != 0) shared.Fail("a new page is not empty");
    WordOf(memory, page) = stamp + page;
  }
  Migrate(shared, stamp);
  for (size_t page = 0; page < kPrivatePages; ++page) {
    if (WordOf(memory, page) != stamp + page) shared.Fail("a page lost what was written to it");
  }
  munmap(memory, kPrivatePages * kPageSize);
  std::this_thread::sleep_for(kRest);
}

void Barrier(Shared& shared) {
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
    return shared.Fail("membarrier fails");
  }
  shared.counters.barriers.fetch_add(1, std::memory_order_relaxed);
  std::this_thread::sleep_for(kRest);
}

// One half of a pair: takes the token and gives it back. The end of the other half ends it too.
void HandOver(Shared& shared, const Pipe& from, const Pipe& to) {
  char token = 0;
  if (read(from[0], &token, 1) != 1 || write(to[1], &token, 1) != 1) {
    return shared.Fail("a pipe fails");
  }
  shared.counters.handovers.fetch_add(1, std::memory_order_relaxed);
}

void NoteLateness(Shared& shared, nanoseconds lateness) {
  const int64_t late_ms = std::chrono::duration_cast<milliseconds>(lateness).count();
  int64_t latest = shared.counters.latest_ms.load();
  while (latest < late_ms && !shared.counters.latest_ms.compare_exchange_weak(latest, late_ms)) {
  }
  if (lateness > kTooLate) shared.Fail("a timer was " + std::to_string(late_ms) + " ms late");
}

void Tick(Shared& shared, Clock::time_point due) {
  std::this_thread::sleep_until(due);
  NoteLateness(shared, Clock::now() - due);
  shared.counters.ticks.fetch_add(1, std::memory_order_relaxed);
}

// Threads at a standstill keep it alive.
class Stress : public std::enable_shared_from_this<Stress> {
 public:
  Stress() {
    shared_.cpus = UsableCpus();
    shared_.slots = std::vector<Slot>(shared_.cpus.size());
    for (Slot& slot : shared_.slots) slot.page = MapPages(nullptr, 1);
    shared_.pipes.resize(shared_.cpus.size());
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0) {
      shared_.Fail("membarrier cannot be registered");
    }
    for (size_t i = 0; i < shared_.cpus.size(); ++i) AddWorkersOf(i);
    Add("barriers", Barrier);
  }

  StressResult Run(milliseconds duration) {
    for (const auto& worker : workers_) Start(*worker);
    const Clock::time_point end = Clock::now() + duration;
    while (Clock::now() < end && !shared_.stop && WatchOnce()) {
    }
    shared_.stop = true;
    const Clock::time_point patience = Clock::now() + kStandstill;
    while (!AllDone() && Clock::now() < patience) std::this_thread::sleep_for(kTick);
    if (!AllDone()) shared_.Fail("a thread does not end");
    return Result();
  }

 private:
  bool AllDone() const {
    for (const auto& worker : workers_) {
      if (!worker->done) return false;
    }
    return true;
  }

  void Add(std::string name, std::function<void(Shared&)> round) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->name = std::move(name);
    workers_.back()->round = std::move(round);
  }

  void AddWorkersOf(size_t index) {
    const std::string suffix = " " + std::to_string(index);
    const int cpu = shared_.cpus[index];
    Slot& slot = shared_.slots[index];
    Add("remaps" + suffix, [&slot](Shared& shared) { Remap(shared, slot); });
    Add("reads" + suffix, [cpu](Shared& shared) {
      MoveTo(cpu);
      for (uint64_t i = 0; i < kReadsInARow; ++i) ReadSlots(shared);
      std::this_thread::sleep_for(kRest);
    });
    Add("private pages" + suffix,
        [stamp = index + 1](Shared& shared) mutable { UsePrivatePages(shared, stamp++); });
    Add("ticks" + suffix, [cpu, due = Clock::time_point()](Shared& shared) mutable {
      if (due == Clock::time_point()) {
        MoveTo(cpu);
        due = Clock::now();
      }
      Tick(shared, due += kTick);
    });
    AddPair(index);
  }

  // Two threads on neighbouring processors; the first one starts with the token.
  void AddPair(size_t index) {
    auto& [there, back] = shared_.pipes[index];
    const char token = 0;
    if (pipe(there.data()) != 0 || pipe(back.data()) != 0 || write(there[1], &token, 1) != 1) {
      return shared_.Fail("no pipe");
    }
    const int cpu = shared_.cpus[index];
    const int next = shared_.cpus[(index + 1) % shared_.cpus.size()];
    const auto half = [this](int where, const Pipe& from, const Pipe& to) {
      Add("handovers on " + std::to_string(where), [where, from, to](Shared& shared) {
        MoveTo(where);
        HandOver(shared, from, to);
      });
    };
    half(cpu, there, back);
    half(next, back, there);
  }

  void Start(Worker& worker) {
    worker.thread = std::thread([this, self = shared_from_this(), &worker] {
      while (!shared_.stop) {
        worker.round(shared_);
        worker.rounds.fetch_add(1, std::memory_order_relaxed);
      }
      ReleaseSleepers();
      worker.done = true;
    });
    worker.thread.detach();
  }

  // A half of a pair may wait for a token that its partner no longer gives.
  void ReleaseSleepers() {
    const char token = 0;
    for (const auto& [there, back] : shared_.pipes) {
      if (write(there[1], &token, 1) != 1 || write(back[1], &token, 1) != 1) return;
    }
  }

  // Waits for a moment in which each thread must have got further; false if one has not.
  bool WatchOnce() {
    std::vector<uint64_t> before;
    before.reserve(workers_.size());
    for (const auto& worker : workers_) before.push_back(worker->rounds);
    const Clock::time_point limit = Clock::now() + kStandstill;
    for (size_t i = 0; i < workers_.size(); ++i) {
      while (workers_[i]->rounds == before[i] && !shared_.stop) {
        if (Clock::now() > limit) {
          shared_.Fail(workers_[i]->name + " came to a standstill");
          return false;
        }
        std::this_thread::sleep_for(kTick);
      }
    }
    std::this_thread::sleep_for(kTick);
    return true;
  }

  StressResult Result() {
    const Counters& counters = shared_.counters;
    const std::lock_guard lock(shared_.mutex);
    return {.failure = shared_.failure,
            .remaps = counters.remaps,
            .reads = counters.reads,
            .migrations = counters.migrations,
            .barriers = counters.barriers,
            .handovers = counters.handovers,
            .ticks = counters.ticks,
            .latest_ms = counters.latest_ms};
  }

  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

StressResult RunStress(milliseconds duration) { return std::make_shared<Stress>()->Run(duration); }

}  // namespace hvkit::testing
