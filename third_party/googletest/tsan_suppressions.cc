// absl::Mutex hands a semaphore over by a futex that the thread sanitizer does not follow.
extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
  return "race:AbslInternalPerThreadSemPost\n";
}
