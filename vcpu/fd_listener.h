// Waits for descriptors to become readable, on one thread of its own for any number of them. The
// thread sleeps unless one that somebody waits for is readable. Sources: epoll(7), EPOLLONESHOT.
//
// It reads nothing: what a descriptor holds is its handler's business.
#ifndef HVKIT_VCPU_FD_LISTENER_H_
#define HVKIT_VCPU_FD_LISTENER_H_

#include <pthread.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kvm_ioctls/unique_fd.h"

namespace hvkit::vcpu {

// *Thread-safe*: mutex_ is never held around a handler.
class FdListener {
 public:
  // Names a descriptor; never used twice.
  enum class Token : uint64_t {};
  // Runs on the listener's thread, one handler at a time; may call any method.
  using OnReadable = std::function<void(Token)>;

  // Errors: no descriptors or threads left.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FdListener>> Create();
  // Ends and joins the thread; no handler runs after it. Not from a handler.
  ~FdListener();
  FdListener(const FdListener&) = delete;
  FdListener& operator=(const FdListener&) = delete;

  // Takes `fd` in, not yet waited for. It stays the caller's, and open until Remove.
  [[nodiscard]] absl::StatusOr<Token> Add(int fd, OnReadable on_readable)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for the descriptor once: its handler runs when it is readable, at once if it is already.
  // Nothing for one that was removed.
  void Arm(Token token) ABSL_LOCKS_EXCLUDED(mutex_);
  // A handler that has begun may still be running when this returns.
  void Remove(Token token) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    int fd;
    std::shared_ptr<const OnReadable> on_readable;
  };

  FdListener() = default;

  [[nodiscard]] absl::Status Open();
  static void* ThreadMain(void* self);
  void Listen();
  void Handle(Token token) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  uint64_t next_token_ ABSL_GUARDED_BY(mutex_) = 1;  // 0 is stop_
  std::unordered_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  kvm::UniqueFd epoll_;
  kvm::UniqueFd stop_;  // an eventfd
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace hvkit::vcpu

#endif  // HVKIT_VCPU_FD_LISTENER_H_
