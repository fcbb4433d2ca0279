#if canImport(Glibc)
  import Glibc
#endif

/// How many files and sockets the process may have open.
enum OpenFiles {
  /// Raises the soft limit, as far as the hard one lets it.
  static func allow(_ count: Int) {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = min(max(limit.rlim_cur, rlim_t(count)), limit.rlim_max)
    unsafe setrlimit(resource, &limit)
  }
}
