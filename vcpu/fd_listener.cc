#include "vcpu/fd_listener.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <utility>

#include "kvm_ioctls/errno.h"
#include "kvm_ioctls/status_macros.h"

namespace hvkit::vcpu {
namespace {

constexpr uint64_t kStopTag = 0;
constexpr size_t kEventsAtOnce = 16;
constexpr uint32_t kOnce = EPOLLIN | EPOLLONESHOT;

absl::Status LastError(const char* what) { return kvm::ErrnoToStatus(kvm::Errno::Last(), what); }

absl::Status Control(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll, operation, fd, &event) == 0) return absl::OkStatus();
  return LastError("epoll_ctl");
}

}  // namespace

absl::StatusOr<std::unique_ptr<FdListener>> FdListener::Create() {
  std::unique_ptr<FdListener> listener(new FdListener);
  HVKIT_RETURN_IF_ERROR(listener->Open());
  return listener;
}

FdListener::~FdListener() {
  if (!started_) return;
  ::eventfd_write(stop_.get(), 1);
  ::pthread_join(thread_, nullptr);
}

absl::Status FdListener::Open() {
  epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return LastError("epoll_create1");
  stop_.Reset(::eventfd(0, EFD_CLOEXEC));
  if (!stop_.valid()) return LastError("eventfd");
  HVKIT_RETURN_IF_ERROR(Control(epoll_.get(), EPOLL_CTL_ADD, stop_.get(), EPOLLIN, kStopTag));
  const int error = ::pthread_create(&thread_, nullptr, ThreadMain, this);
  if (error != 0) return kvm::ErrnoToStatus(kvm::Errno(error), "pthread_create for descriptors");
  started_ = true;
  return absl::OkStatus();
}

absl::StatusOr<FdListener::Token> FdListener::Add(int fd, OnReadable on_readable) {
  absl::MutexLock lock(&mutex_);
  const uint64_t tag = next_token_;
  // Waits for nothing; a hang-up or an error is reported once, and is harmless to its handler.
  HVKIT_RETURN_IF_ERROR(Control(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLONESHOT, tag));
  ++next_token_;
  entries_.emplace(tag, Entry{fd, std::make_shared<const OnReadable>(std::move(on_readable))});
  return Token{tag};
}

void FdListener::Arm(Token token) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(static_cast<uint64_t>(token));
  if (found == entries_.end()) return;
  Control(epoll_.get(), EPOLL_CTL_MOD, found->second.fd, kOnce, found->first).IgnoreError();
}

void FdListener::Remove(Token token) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(static_cast<uint64_t>(token));
  if (found == entries_.end()) return;
  Control(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, 0, 0).IgnoreError();
  entries_.erase(found);
}

void* FdListener::ThreadMain(void* self) {
  static_cast<FdListener*>(self)->Listen();
  return nullptr;
}

void FdListener::Listen() {
  std::array<epoll_event, kEventsAtOnce> events;
  for (;;) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const uint64_t tag = events[static_cast<size_t>(i)].data.u64;
      if (tag == kStopTag) return;
      Handle(Token{tag});
    }
  }
}

void FdListener::Handle(Token token) {
  std::shared_ptr<const OnReadable> on_readable;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(static_cast<uint64_t>(token));
    if (found != entries_.end()) on_readable = found->second.on_readable;
  }
  if (on_readable != nullptr) (*on_readable)(token);
}

}  // namespace hvkit::vcpu
